"""A copy of a model to be changed at will, and how to see that the model itself has changed."""

from __future__ import annotations

import copy
import types
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

# Tensors up to so many numbers are compared whole, of larger ones some runs spread over them.
_WHOLE = 2**15
_RUNS, _RUN = 4, 16
_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device)
# What nn.Module keeps for itself in a module's __dict__; what matters of it is looked at by name
_OF_TORCH = frozenset(nn.Module().__dict__)


def private_copy(model: nn.Module, own_weights: bool = False) -> nn.Module:
    """The same network in evaluation mode, its parameters without gradients; buffers cloned.

    The parameters share their numbers with the model, or are copied too with `own_weights`. Modules are
    copied, so hooks registered on the copy are not on the model. A model that `copy.deepcopy` refuses (one
    that holds a lock, or a tensor inside a graph, as an attribute) has its modules copied one by one instead,
    and shares with its copy the attributes that can't be copied.
    """
    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        values = parameter.detach().clone() if own_weights else parameter.detach()
        memo[id(parameter)] = nn.Parameter(values, requires_grad=False)
    for buffer in model.buffers():
        memo[id(buffer)] = buffer.detach().clone()
    try:
        twin = copy.deepcopy(model, dict(memo))
    except Exception:  # whatever an attribute's own __deepcopy__ or __reduce__ raises
        twin = _module_by_module(model, memo)
    for module in twin.modules():
        module.training = False
        for key, value in module.__dict__.items():
            if isinstance(value, Tensor) and value.grad_fn is not None:  # weight_norm's product, which was shared
                module.__dict__[key] = value.detach().clone()
    return twin


def has_hooks(model: nn.Module) -> bool:
    """Whether anybody listens to, or changes, what the modules take in and put out."""
    return any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def without_hooks(twin: nn.Module) -> nn.Module:
    """A private copy with its hooks taken off, those of the backward pass included."""
    for module in twin.modules():
        for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
            module.__dict__[name] = OrderedDict()
        for name in (
            "_forward_hooks_with_kwargs",
            "_forward_hooks_always_called",
            "_forward_pre_hooks_with_kwargs",
        ):
            module.__dict__[name] = OrderedDict()
    return twin


def _module_by_module(model: nn.Module, memo: dict[int, Any]) -> nn.Module:
    modules = list(model.modules())
    for module in modules:
        memo[id(module)] = module.__class__.__new__(module.__class__)
    for module in modules:
        twin = memo[id(module)]
        twin.__dict__ = {key: _copied(value, memo) for key, value in module.__dict__.items()}
    return memo[id(model)]


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    """A copy in which modules, parameters and buffers are those of the memo, or the value itself."""
    attempt = dict(memo)  # one that fails leaves half-made copies behind
    try:
        copied = copy.deepcopy(value, attempt)
    except Exception:
        if isinstance(value, dict):  # of modules' tensors and hooks, where only one entry may be the trouble
            return type(value)((key, _copied(item, memo)) for key, item in value.items())
        return value
    memo.update(attempt)
    return copied


class State:
    """What has to stay the same for a copy to be as good as the model, without the modes; holds no module.

    Modules and hooks by identity, attributes that are numbers, strings or containers of these by value and
    other ones by identity, parameters, buffers and other tensors by identity, layout, version (which in-place
    changes count up) and content. The content because `p.data.add_()`, which is fastai's optimizer step, and
    BatchNorm's running statistics leave no other mark; of tensors of more than 32,768 numbers only 64 are
    compared, so a change made through `.data` to a few single numbers of such a tensor may be missed.
    """

    def __init__(self, model: nn.Module) -> None:
        self._structure = _structure(model)
        samples: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.numel() and not tensor.is_meta and tensor.layout == torch.strided:
                for sample in _samples(tensor):
                    samples.setdefault((sample.device, sample.dtype), []).append(sample)
        # They also keep the old numbers' memory from being given to new ones, which would look like the old
        self._samples = [group for alike in samples.values() for group in _in_groups(alike)]
        self._content = [torch.cat(samples) for samples in self._samples]

    def is_of(self, model: nn.Module) -> bool:
        """Whether the model still is as it was."""
        return self._structure == _structure(model) and all(
            torch.equal(torch.cat(samples), content)
            for samples, content in zip(self._samples, self._content, strict=True)
        )


def _samples(tensor: Tensor) -> list[Tensor]:
    """Some of the tensor's numbers, as integers of their bits: views, which see later changes."""
    values = tensor.detach().as_subclass(Tensor)
    values = torch.view_as_real(values) if values.is_complex() else values
    extent = 1 + sum((size - 1) * stride for size, stride in zip(values.shape, values.stride(), strict=True))
    values = values.as_strided((extent,), (1,)).view(_BITS[values.element_size()])
    if extent <= _WHOLE:
        return [values]
    return [values[place : place + _RUN] for place in range(0, extent - _RUN, extent // _RUNS)]


def _in_groups(samples: list[Tensor]) -> list[list[Tensor]]:
    """Groups of at most so many numbers that putting one together does not wake other threads."""
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
    seen: list[Any] = []
    for name, module in model.named_modules(remove_duplicate=False):
        own = module.__dict__
        seen.append((name, id(module), type(module), type(module).forward))
        seen.append((*own["_forward_hooks"], None, *own["_forward_pre_hooks"]))
        for key, value in own.items():
            if key not in _OF_TORCH:
                seen.append((key, value if type(value) in _PLAIN else _said(value)))
        for tensors in (own["_parameters"], own["_buffers"]):
            seen.extend((key, _said(tensor)) for key, tensor in tensors.items())
    return tuple(seen)


def _said(value: Any, depth: int = 3) -> Any:
    """A value as something that can be compared, and that keeps nothing alive but plain values."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Tensor):
        version = 0 if value.is_inference() else value._version
        address = 0 if value.is_meta or value.layout != torch.strided else value.data_ptr()
        return id(value), version, address, value.dtype, value.shape, value.layout, _strides(value)
    if isinstance(value, (list, tuple, set, dict)) and depth:
        items: Iterable[Any] = value.items() if isinstance(value, dict) else value
        return type(value), tuple(_said(item, depth - 1) for item in items)
    if (
        isinstance(value, types.FunctionType | types.BuiltinFunctionType)
        and getattr(value, "__closure__", None) is None
    ):
        return value
    return id(value)


def _strides(value: Tensor) -> tuple[int, ...]:
    return value.stride() if value.layout == torch.strided else ()
