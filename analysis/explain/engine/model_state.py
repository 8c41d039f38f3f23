"""Whether a model has changed since it was copied."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

# Tensors up to this many numbers are compared whole, of larger ones a few runs of numbers spread over them.
_WHOLE = 2**15
_RUNS, _RUN = 4, 16
_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device)
# The attributes that nn.Module itself adds to a module; those that matter are compared by name.
_MODULE_ATTRIBUTES = frozenset(nn.Module().__dict__)


class ModelState:
    """A fingerprint of a model, by which a later change is noticed; it keeps no module alive.

    Compared are

    - modules and hooks, by identity;
    - attributes: numbers, strings and containers of these by value, others by identity;
    - parameters, buffers and other tensors: by identity, layout, version (each in-place change raises it) and
      content. Content is needed because `p.data.add_()`, the optimizer step of fastai, and the running statistics
      of BatchNorm leave no other mark. Of a tensor of more than 32,768 numbers only 64 are compared, so a change
      of a few single numbers of it through `.data` may be missed.

    Training or evaluation mode and gradients do not count as changes.
    """

    def __init__(self, model: nn.Module) -> None:
        self._structure = _structure(model)
        samples: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.numel() and not tensor.is_meta and tensor.layout == torch.strided:
                for sample in _samples(tensor):
                    samples.setdefault((sample.device, sample.dtype), []).append(sample)
        # Holding the samples keeps their memory in use: new tensors at the same address would look unchanged.
        self._samples = [group for same_type in samples.values() for group in _in_groups(same_type)]
        self._content = [torch.cat(samples) for samples in self._samples]

    def is_of(self, model: nn.Module) -> bool:
        """Return whether the model is unchanged."""
        return self._structure == _structure(model) and all(
            torch.equal(torch.cat(samples), content)
            for samples, content in zip(self._samples, self._content, strict=True)
        )


def _samples(tensor: Tensor) -> list[Tensor]:
    """Return some of the numbers of a tensor, as integers of their bits: views, which show later changes."""
    values = tensor.detach().as_subclass(Tensor)
    values = torch.view_as_real(values) if values.is_complex() else values
    extent = 1 + sum((size - 1) * stride for size, stride in zip(values.shape, values.stride(), strict=True))
    values = values.as_strided((extent,), (1,)).view(_BITS[values.element_size()])
    if extent <= _WHOLE:
        return [values]
    return [values[place : place + _RUN] for place in range(0, extent - _RUN, extent // _RUNS)]


def _in_groups(samples: list[Tensor]) -> list[list[Tensor]]:
    """Split samples into groups of at most `_WHOLE` numbers, which PyTorch concatenates on a single thread."""
    groups: list[list[Tensor]] = []
    room = 0
    for sample in samples:
        if sample.numel() > room:
            groups.append([])
            room = _WHOLE
        groups[-1].append(sample)
        room -= sample.numel()
    return groups


def _structure(model: nn.Module) -> tuple[Any, ...]:
    parts: list[Any] = []
    for name, module in model.named_modules(remove_duplicate=False):
        own = module.__dict__
        parts.append((name, id(module), type(module), type(module).forward))
        parts.append((*own["_forward_hooks"], None, *own["_forward_pre_hooks"]))
        for key, value in own.items():
            if key not in _MODULE_ATTRIBUTES:
                parts.append((key, value if type(value) in _PLAIN else _comparable(value)))
        for tensors in (own["_parameters"], own["_buffers"]):
            parts.extend((key, _comparable(tensor)) for key, tensor in tensors.items())
    return tuple(parts)


def _comparable(value: Any, depth: int = 3) -> Any:
    """Return something that stands for a value in a comparison and keeps only plain values alive."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Tensor):
        version = 0 if value.is_inference() else value._version
        address = 0 if value.is_meta or value.layout != torch.strided else value.data_ptr()
        return id(value), version, address, value.dtype, value.shape, value.layout, _strides(value)
    if isinstance(value, (list, tuple, set, dict)) and depth:
        items: Iterable[Any] = value.items() if isinstance(value, dict) else value
        return type(value), tuple(_comparable(item, depth - 1) for item in items)
    if (
        isinstance(value, types.FunctionType | types.BuiltinFunctionType)
        and getattr(value, "__closure__", None) is None
    ):
        return value
    return id(value)


def _strides(value: Tensor) -> tuple[int, ...]:
    return value.stride() if value.layout == torch.strided else ()
