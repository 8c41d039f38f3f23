"""Convolutions whose weights are stored in the memory layout that the processor computes with.

A convolution on the CPU begins by rearranging its weights. For one image that can take more than half of the time
(measured for a 3x3 convolution of 512 channels on 7x7 cells in bfloat16: 0.68 ms with it, 0.29 ms without), so it
is done once here, as PyTorch's own compiler does. At stride 1 the gradient with respect to the input is a
convolution with the flipped weights, and these are packed as well.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_OPS = torch.ops.mkldnn


def can_pack(x: Tensor) -> bool:
    """Return whether this build of PyTorch has packed convolutions for tensors like x."""
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.bfloat16)
        and torch.backends.mkldnn.is_available()
        and hasattr(_OPS, "_convolution_pointwise")
        and hasattr(_OPS, "_reorder_convolution_weight")
    )


class PackedConv2d(nn.Conv2d):
    """A frozen Conv2d with packed weights; differentiable any number of times, but only in its input.

    Parameters
    ----------
    conv : the convolution whose weights it uses.
    shape : (B, C, H, W) of the inputs that the weights are packed for.
    """

    def __init__(self, conv: nn.Conv2d, shape: tuple[int, ...]) -> None:
        super(nn.Conv2d, self).__init__(  # "meta": no weights are drawn, they come from `conv`
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,
            conv.stride,
            conv.padding,
            conv.dilation,
            False,
            (0, 0),
            conv.groups,
            False,
            "zeros",
            "meta",
            None,
        )
        self.weight, self.bias = conv.weight, conv.bias
        self.training = False
        self.packed = _pack(self.weight, self._padding(), self.stride, self.dilation, self.groups, shape)
        self.packed_back: Tensor | None = None
        if self.stride == (1, 1) and all(p <= d * (k - 1) for p, d, k in self._sides()):
            self.padding_back = tuple(d * (k - 1) - p for p, d, k in self._sides())
            height, width = (
                side + 2 * p - d * (k - 1) for side, (p, d, k) in zip(shape[2:], self._sides(), strict=True)
            )
            self.packed_back = _pack(
                _flipped(self.weight, self.groups),
                self.padding_back,
                (1, 1),
                self.dilation,
                self.groups,
                (shape[0], self.out_channels, height, width),
            )

    def forward(self, input: Tensor) -> Tensor:
        return _Convolution.apply(input, self, True)

    def run(self, x: Tensor, with_bias: bool) -> Tensor:
        """Return the convolution of x (B, C, H, W), with or without the bias."""
        bias = self.bias if with_bias else None
        return _OPS._convolution_pointwise(
            x, self.packed, bias, self._padding(), self.stride, self.dilation, self.groups, "none", [], ""
        )

    def run_back(self, gradient: Tensor, shape: torch.Size) -> Tensor:
        """Return the gradient with respect to an input of that shape."""
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        if self.packed_back is not None:
            return _OPS._convolution_pointwise(
                gradient,
                self.packed_back,
                None,
                self.padding_back,
                (1, 1),
                self.dilation,
                self.groups,
                "none",
                [],
                "",
            )
        return torch.ops.aten.convolution_backward(
            gradient,
            gradient.new_empty(1).expand(shape),  # only its shape is read for this part of the gradient
            self.weight,
            None,
            self.stride,
            self._padding(),
            self.dilation,
            False,
            (0, 0),
            self.groups,
            (True, False, False),
        )[0]

    def _padding(self) -> tuple[int, ...]:
        assert isinstance(self.padding, tuple)
        return self.padding

    def _sides(self) -> list[tuple[int, int, int]]:
        return list(zip(self._padding(), self.dilation, self.kernel_size, strict=True))


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, conv: PackedConv2d, with_bias: bool) -> Tensor:
        ctx.conv, ctx.shape = conv, x.shape
        return conv.run(x, with_bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return _Transposed.apply(gradient, ctx.conv, ctx.shape), None, None


class _Transposed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Tensor, conv: PackedConv2d, shape: torch.Size) -> Tensor:
        ctx.conv = conv
        return conv.run_back(gradient, shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        layout = torch.channels_last
        return _Convolution.apply(gradient.contiguous(memory_format=layout), ctx.conv, False), None, None


def pack_convolutions(network: nn.Module, x: Tensor) -> bool:
    """Replace each plain Conv2d of a private copy by a packed one for images like x; return whether any is."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note_shape(name: str, inputs: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
        x = inputs[0] if inputs else named["input"]
        if x.ndim == 4:
            shapes.setdefault(name, tuple(x.shape))

    hooks = [
        module.register_forward_pre_hook(
            lambda module, inputs, named, name=name: note_shape(name, inputs, named), with_kwargs=True
        )
        for name, module in network.named_modules()
        if type(module) is nn.Conv2d and _plain(module, x.dtype)
    ]
    try:
        network(x)
    finally:
        for hook in hooks:
            hook.remove()
    for name, shape in shapes.items():
        parent, _, child = name.rpartition(".")
        conv = network.get_submodule(name)
        assert isinstance(conv, nn.Conv2d)
        setattr(network.get_submodule(parent), child, PackedConv2d(conv, shape))
    return bool(shapes)


def _plain(conv: nn.Conv2d, dtype: torch.dtype) -> bool:
    return (
        conv.padding_mode == "zeros"
        and isinstance(conv.padding, tuple)
        and "weight" in conv._parameters
        and conv.weight.dtype == dtype
        and not (conv._forward_hooks or conv._forward_pre_hooks)
    )


def _pack(
    weight: Tensor,
    padding: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
    shape: tuple[int, ...],
) -> Tensor:
    layout = torch.channels_last
    return _OPS._reorder_convolution_weight(
        weight.detach().contiguous(memory_format=layout), padding, stride, dilation, groups, list(shape)
    )


def _flipped(weight: Tensor, groups: int) -> Tensor:
    """Return the weights (I, O/groups, k, k) of the gradient of a convolution with weights (O, I/groups, k, k)."""
    split = weight.detach().unflatten(0, (groups, -1)).transpose(1, 2)
    return split.flatten(0, 1).flip(2, 3)
