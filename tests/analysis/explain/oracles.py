"""Expected results, computed in another way: by autograd on a deep copy, and by replacing an output."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn


def logits_in(output: Any) -> Tensor:
    if isinstance(output, dict):
        return output["logits"]
    return output[0] if isinstance(output, tuple) else output


def by_hand(net: nn.Module, x: Tensor, layer: str, target: int | Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, and activation and gradient of a layer's last call, by autograd through the whole network."""
    net = copy.deepcopy(net).eval().requires_grad_(True)
    kept: dict[str, Tensor] = {}

    def hook(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        kept["output"] = output.clone()
        kept["output"].retain_grad()
        return kept["output"].clone()

    net.get_submodule(layer).register_forward_hook(hook)
    with torch.inference_mode(False), torch.enable_grad():
        logits = logits_in(net(x.clone().requires_grad_()))
        rows = torch.arange(len(x))
        logits[rows, target].sum().backward()
    return logits.detach(), kept["output"].detach(), kept["output"].grad


def gradcam_by_hand(net: nn.Module, x: Tensor, layer: str, target: int | Tensor, to_map: Any = None) -> Tensor:
    """(B, h, w): the activation summed with the gradient's means as weights."""
    _, activation, gradient = by_hand(net, x, layer, target)
    if to_map is not None:
        activation, gradient = to_map(activation), to_map(gradient)
    return torch.einsum("bc,bchw->bhw", gradient.mean((2, 3)), activation)


def with_output(net: nn.Module, x: Tensor, layer: str, output: Tensor, call: int = 1) -> Tensor:
    """Logits where the `call`-th call of a layer outputs something else."""
    net = copy.deepcopy(net).eval()
    calls = 0

    def hook(module: nn.Module, inputs: Any, before: Any) -> Tensor | None:
        nonlocal calls
        calls += 1
        return output.clone() if calls == call else None

    net.get_submodule(layer).register_forward_hook(hook)
    with torch.no_grad():
        return logits_in(net(x))
