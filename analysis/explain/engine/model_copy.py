"""A private copy of a model, which may be changed while the model itself stays as it is."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

from torch import Tensor, nn


def private_copy(model: nn.Module, own_weights: bool = False) -> nn.Module:
    """Copy a network; the copy is in evaluation mode, and its parameters need no gradients.

    Modules and buffers are copied, so a hook registered on the copy is not on the model. A model that
    `copy.deepcopy` refuses (one that has a lock, or a tensor inside a graph, as an attribute) has its modules
    copied one by one instead, and shares with its copy the attributes that cannot be copied.

    Parameters
    ----------
    model : the network; it is not changed.
    own_weights : copy the numbers of the parameters too; without it, the two share them.
    """
    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        values = parameter.detach().clone() if own_weights else parameter.detach()
        memo[id(parameter)] = nn.Parameter(values, requires_grad=False)
    for buffer in model.buffers():
        memo[id(buffer)] = buffer.detach().clone()
    try:
        duplicate = copy.deepcopy(model, dict(memo))
    except Exception:  # whatever an attribute's own __deepcopy__ or __reduce__ raises
        duplicate = _module_by_module(model, memo)
    for module in duplicate.modules():
        module.training = False
        for key, value in module.__dict__.items():
            if isinstance(value, Tensor) and value.grad_fn is not None:  # shared until here (weight_norm has one)
                module.__dict__[key] = value.detach().clone()
    return duplicate


def has_hooks(model: nn.Module) -> bool:
    """Return whether any module has a forward hook or a forward pre-hook."""
    return any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def without_hooks(duplicate: nn.Module) -> nn.Module:
    """Remove all hooks from a private copy, also those of the backward pass, and return it."""
    for module in duplicate.modules():
        for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
            module.__dict__[name] = OrderedDict()
        for name in (
            "_forward_hooks_with_kwargs",
            "_forward_hooks_always_called",
            "_forward_pre_hooks_with_kwargs",
        ):
            module.__dict__[name] = OrderedDict()
    return duplicate


def _module_by_module(model: nn.Module, memo: dict[int, Any]) -> nn.Module:
    modules = list(model.modules())
    for module in modules:
        memo[id(module)] = module.__class__.__new__(module.__class__)
    for module in modules:
        duplicate = memo[id(module)]
        duplicate.__dict__ = {key: _copy_of(value, memo) for key, value in module.__dict__.items()}
    return memo[id(model)]


def _copy_of(value: Any, memo: dict[int, Any]) -> Any:
    """Return a copy that uses the memo's modules, parameters and buffers; the value itself if it has no copy."""
    attempt = dict(memo)  # a failed attempt leaves half-made copies in it
    try:
        duplicate = copy.deepcopy(value, attempt)
    except Exception:  # a user's object may refuse to be copied in any way
        if isinstance(value, dict):  # perhaps only one entry of it cannot be copied
            return type(value)((key, _copy_of(item, memo)) for key, item in value.items())
        return value
    memo.update(attempt)
    return duplicate
