"""Packed convolutions are the convolutions they stand for: values, gradients and gradients of gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from analysis.explain.engine.packing import PackedConv2d, can_pack, pack_convolutions

if not can_pack(torch.zeros(1)):
    pytest.skip("this build of PyTorch has no packed convolutions", allow_module_level=True)

CASES: dict[str, dict[str, Any]] = {
    "plain": {"kernel_size": 3, "padding": 1},
    "no bias": {"kernel_size": 3, "bias": False},
    "pointwise": {"kernel_size": 1},
    "stride": {"kernel_size": 3, "stride": 2, "padding": 1},
    "one stride": {"kernel_size": 3, "stride": (1, 2), "padding": 1},
    "dilation": {"kernel_size": 3, "dilation": 2, "padding": 2},
    "other dilations": {"kernel_size": (3, 2), "dilation": (1, 3), "padding": (0, 2)},
    "groups": {"kernel_size": 3, "groups": 2, "padding": 1},
    "depthwise": {"kernel_size": 5, "groups": 4, "padding": 2},
    "asymmetric": {"kernel_size": (1, 5), "padding": (0, 2)},
    "even": {"kernel_size": 2},
    "padding beyond the kernel": {"kernel_size": 3, "padding": 4},
    "padding beyond one side": {"kernel_size": (1, 3), "padding": 1},
}
# Others than the one packed for: pictures, batches and memory layouts
INPUTS = [(1, 11, 9, True), (1, 11, 9, False), (3, 11, 9, True), (2, 7, 16, False)]


def derivatives(conv: nn.Module, x: Tensor, seed: int) -> list[Tensor]:
    """Output, a gradient, and the gradient of that gradient in its logit_weights, for fixed cotangents."""
    x = x.detach().requires_grad_()
    output = conv(x)
    chance = torch.Generator().manual_seed(seed)
    logit_weights = torch.randn(output.shape, generator=chance, dtype=output.dtype).requires_grad_()
    (first,) = torch.autograd.grad(output, x, logit_weights, create_graph=True)
    weights = torch.randn(first.shape, generator=chance, dtype=first.dtype).requires_grad_()
    (second,) = torch.autograd.grad(first, logit_weights, weights, create_graph=True)
    (third,) = torch.autograd.grad(second, weights, logit_weights.detach())
    return [values.detach() for values in (output, first, second, third)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("case", CASES)
def test_values_and_derivatives_are_the_convolutions(case: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 6 if "groups" not in CASES[case] else 8, **CASES[case]).to(dtype).requires_grad_(False)
    packed = PackedConv2d(conv, (1, 4, 11, 9))
    tolerance = 1e-5 if dtype == torch.float32 else 4e-2
    for batch, height, width, last in INPUTS:
        x = torch.randn(batch, 4, height, width, dtype=dtype)
        x = x.contiguous(memory_format=torch.channels_last) if last else x
        for mine, own in zip(derivatives(packed, x, 1), derivatives(conv, x, 1), strict=True):
            torch.testing.assert_close(mine, own, atol=tolerance * max(1.0, float(own.abs().max())), rtol=0)


def test_only_stride_one_has_its_gradient_packed_too() -> None:
    assert PackedConv2d(nn.Conv2d(3, 4, 3), (1, 3, 8, 8)).packed_back is not None
    assert PackedConv2d(nn.Conv2d(3, 4, 3, stride=2), (1, 3, 8, 8)).packed_back is None
    assert PackedConv2d(nn.Conv2d(3, 4, 1, padding=1), (1, 3, 8, 8)).packed_back is None


class Several(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.plain, self.named, self.unused = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)
        self.reflect = nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect")
        self.same = nn.Conv2d(4, 4, 3, padding="same")
        self.hooked, self.widened = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1).double()
        self.alone = nn.Conv2d(4, 4, 3)
        self.hooked.register_forward_hook(lambda module, inputs, output: output * 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.named(input=self.plain(x))
        x = self.hooked(self.same(self.reflect(self.named(x))))
        return self.widened(self.alone(x[0]).double()).float()  # one picture, without the batch


def test_plain_convolutions_of_a_network_are_packed_and_others_left() -> None:
    net, x = Several().requires_grad_(False), torch.randn(1, 3, 12, 12)
    expected = net(x)
    assert pack_convolutions(net, x)
    packed = {name for name, module in net.named_modules() if isinstance(module, PackedConv2d)}
    assert packed == {"plain", "named"}
    torch.testing.assert_close(net(x), expected)
    hooks = [h for name, m in net.named_modules() if name != "hooked" for h in m._forward_pre_hooks.values()]
    assert hooks == []


def test_a_network_without_convolutions_stays_as_it_is() -> None:
    assert not pack_convolutions(nn.Flatten(), torch.zeros(1, 3, 4, 4))


def test_a_network_that_raises_keeps_no_hooks() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(7, 7))
    with pytest.raises(RuntimeError):
        pack_convolutions(net, torch.zeros(1, 3, 12, 12))
    assert not net[0]._forward_pre_hooks


def test_only_types_the_processor_has_a_layout_for() -> None:
    assert not can_pack(torch.zeros(1, dtype=torch.float64))
    assert not can_pack(torch.zeros(1, dtype=torch.float16))
    assert not can_pack(torch.zeros(1, device="meta"))
