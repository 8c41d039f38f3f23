"""Fold BatchNorm into the convolution before it: the same function with one layer less."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from analysis.explain.engine.anatomy import Anatomy, Step


class _WithoutNorm(nn.Module):
    """timm's BatchNormAct2d without its BatchNorm: dropout and the activation function."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.drop, self.act = norm.drop, norm.act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.drop(x))


def fold_batch_norms(network: nn.Module, anatomy: Anatomy) -> frozenset[str]:
    """Fold every BatchNorm2d that directly follows a Conv2d; return the names of those convolutions.

    A pair is left as it is where one of the two is called more than once, has a hook, or is not a plain Conv2d or
    BatchNorm2d. Whether something else reads the output of the convolution cannot be checked here, so the caller
    has to compare the logits afterwards.

    Parameters
    ----------
    network : a private copy in evaluation mode; it is changed.
    anatomy : the record of a run of the network.
    """
    names = set()
    for step in anatomy.steps:
        if step.before is None:
            continue
        before = anatomy.steps[step.before]
        conv, norm = _module_of(network, before), _module_of(network, step)
        if not _foldable(conv, norm) or anatomy.times[step.name] > 1 or anatomy.times[before.name] > 1:
            continue
        scale, shift = batch_norm(norm)
        weight = conv.weight.detach()
        bias = shift if conv.bias is None else shift + scale * conv.bias.detach().double()
        folded_weight = (weight.double() * scale[:, None, None, None]).to(weight.dtype)
        conv.weight = nn.Parameter(folded_weight, requires_grad=False)
        conv.bias = nn.Parameter(bias.to(weight.dtype), requires_grad=False)
        replacement = _WithoutNorm(norm) if hasattr(norm, "act") else nn.Identity()
        replacement.eval()
        parent, _, child = step.name.rpartition(".")
        setattr(network.get_submodule(parent), child, replacement)
        names.add(before.name)
    return frozenset(names)


def batch_norm(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Return scale and shift, (C,) float64, of BatchNorm in evaluation (Ioffe and Szegedy 2015, algorithm 2)."""
    state = {name: tensor.detach().double() for name, tensor in norm.state_dict().items()}
    scale = (state["running_var"] + float(norm.eps)).rsqrt()  # type: ignore[arg-type]
    scale = scale * state.get("weight", 1.0)
    return scale, state.get("bias", 0.0) - state["running_mean"] * scale


def _module_of(network: nn.Module, step: Step) -> Any:
    return network.get_submodule(step.name)


def _foldable(conv: Any, norm: Any) -> bool:
    plain = type(norm) is nn.BatchNorm2d or (isinstance(norm, nn.BatchNorm2d) and _is_timm_norm(norm))
    return (
        type(conv) is nn.Conv2d
        and plain
        and norm.running_mean is not None
        and "weight" in conv._parameters  # not there under a parametrisation
        and conv.out_channels == norm.num_features
        and conv.weight.is_floating_point()
        and conv.weight.dtype in (torch.float32, torch.float64)
        and not (conv._forward_hooks or conv._forward_pre_hooks or norm._forward_hooks or norm._forward_pre_hooks)
    )


def _is_timm_norm(norm: Any) -> bool:
    return type(norm).__name__ == "BatchNormAct2d" and hasattr(norm, "drop") and hasattr(norm, "act")
