"""FullGrad: the score taken apart into what the layer and what every bias behind it brought."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from analysis.explain.engine.capture import Capture
from analysis.explain.errors import no_gradient
from analysis.explain.methods.base import Method


def fullgrad(taken: Capture, layer: str) -> Tensor:
    """FullGrad (B, h, w), Srinivas and Fleuret 2019, proposition 1, with the layer in the input's place.

    See `full_gradients`. The map is its spatial part, signed. The paper's psi (absolute value, scaling each
    part to 0..1 before adding) is left to the display: it would destroy the sum. pytorch-grad-cam's FullGrad
    is at the picture only, with psi, and ignores the target layer.
    """
    return full_gradients(taken, layer)[0]


def full_gradients(taken: Capture, layer: str) -> tuple[Tensor, Tensor]:
    """Split each score into a map (B, h, w) at the layer and what has no place in it (B,).

    A network of linear layers and ReLUs is, around its input, linear in its input and in its biases. So with
    the rest of the network as the network and the activation A as its input,

        y = sum A dy/dA + sum over biases b behind the layer of b sum dy/d(output of b's module),

    exactly. The map is the first term summed over the channels plus each spatial bias term, likewise and
    brought to (h, w) by `_spread`, which keeps its sum. The biases of modules without a map (the head's)
    are the second result: map.sum() + dense = score.

    Biases are those of convolutions, Linear layers and BatchNorms (beta - gamma mean / sigma), and the caps
    of ReLU6 and Hardtanh: a capped cell is a constant. Of curved nonlinearities (SiLU, sigmoid, softmax, a
    LayerNorm's division, one signal times another as in squeeze-and-excitation) only this linear part is
    here: the parts do not add up to the score then. Nor do they at a layer inside a residual block: what
    the shortcut carries past the layer is no part of its map. Behind the block they do.
    """
    tail = taken.tail(layer)
    biased = [call for call in tail.calls if _has_bias(call.module)]
    images = torch.arange(taken.logits.shape[0], device=taken.logits.device)
    with torch.inference_mode(False), torch.enable_grad():
        activation = taken.activations[layer].clone().requires_grad_()
        logits, outputs = tail.watch(activation, images, biased)
        # what comes around the layer, through a shortcut, does not depend on it and has no graph
        behind = [(call, output) for call, output in zip(biased, outputs, strict=True) if output.requires_grad]
        points = [activation, *(output for _, output in behind)]
        score = taken.score_of(logits, images).sum()
        if not score.requires_grad:
            raise no_gradient(layer)
        gradients = torch.autograd.grad(score, points, allow_unused=True, materialize_grads=True)
    maps = (taken.activations[layer] * gradients[0]).sum(dim=1)
    dense = torch.zeros_like(maps[:, 0, 0])
    for (call, output), gradient in zip(behind, gradients[1:], strict=True):
        bias = _bias(call.module, output.detach())
        part = bias.to(maps.dtype) * gradient.to(maps.dtype)
        if call.spatial and output.ndim == 4:
            maps = maps + _spread(part.sum(dim=1), maps.shape[1], maps.shape[2])
        else:
            dense = dense + part.flatten(1).sum(dim=1)
    return maps, dense


def _has_bias(module: nn.Module) -> bool:
    bias = getattr(module, "bias", None)
    return isinstance(module, nn.Hardtanh | _BatchNorm) or (isinstance(bias, Tensor) and bias.ndim == 1)


def _bias(module: Any, output: Tensor) -> Tensor:
    """The constant part of a module's output, in a shape that broadcasts with it."""
    if isinstance(module, nn.Hardtanh):  # ReLU6 is one: where it is capped, its output is a constant
        capped = (output <= module.min_val) | (output >= module.max_val)
        return torch.where(capped, output, 0)
    bias = module.bias
    if isinstance(module, _BatchNorm):
        bias = output.new_zeros(module.num_features) if bias is None else bias
        if module.running_mean is not None and module.running_var is not None:
            slope = (module.running_var + module.eps).rsqrt() * (1 if module.weight is None else module.weight)
            bias = bias - slope * module.running_mean
    last = isinstance(module, nn.Linear) or type(module) is nn.LayerNorm
    return bias.detach() if last else bias.detach().view(-1, *[1] * (output.ndim - 2))


def _spread(maps: Tensor, height: int, width: int) -> Tensor:
    """Maps (B, h', w') brought to (B, height, width), the sum of each kept.

    Bilinear (averages of areas where the maps get smaller), with each cell's shares scaled to add up to 1.
    """
    return _shares(maps.shape[1], height, maps) @ maps @ _shares(maps.shape[2], width, maps).T


def _shares(size: int, new: int, like: Tensor) -> Tensor:
    """(new, size): column j says how cell j is shared out among the new cells; each column's sum is 1."""
    cells = torch.eye(size, dtype=like.dtype, device=like.device)[None]
    if new >= size:
        shares = functional.interpolate(cells, size=new, mode="linear", align_corners=False)[0]
    else:
        shares = functional.adaptive_avg_pool1d(cells, new)[0]
    return (shares / shares.sum(dim=1, keepdim=True)).T


FULLGRAD = Method(
    "fullgrad",
    "FullGrad",
    "Srinivas and Fleuret 2019",
    "https://arxiv.org/abs/1905.00780",
    fullgrad,
    formula=r"\sum_k A^k\,\frac{\partial y}{\partial A^k} + \sum_{l} \mathrm{spread}\Big(\sum_k b^k_l\,"
    r"\frac{\partial y}{\partial z^k_l}\Big)",
    about="Takes the score apart without a remainder: what the layer's cells bring through the gradient, and what "
    "every bias behind the layer brings at its place. Together with the biases of the head the map adds up to the "
    "score, exactly so for networks of convolutions, BatchNorm and ReLU. Curved activations (SiLU, sigmoid) and "
    "squeeze-and-excitation leave a remainder, and so does a layer inside a residual block, past which the "
    "shortcut leads. The paper shows absolute values; here the signs stay.",
    prefer="Where the map should account for the whole score, not for its best channels. One pass forward and "
    "back from the layer; at the last layer it is HiResCAM, whose map leaves only the head's biases out.",
    needs_tail=True,
)
