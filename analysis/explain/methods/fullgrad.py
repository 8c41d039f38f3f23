"""FullGrad: the score split into the contributions of the layer and of every bias after it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from analysis.explain.engine.capture import Capture
from analysis.explain.errors import no_gradient
from analysis.explain.methods.base import Method


def fullgrad(capture: Capture, layer: str) -> Tensor:
    """Return FullGrad (B, h, w), Srinivas and Fleuret 2019, proposition 1, with the layer as the input.

    The map is the spatial part of `full_gradients`, signed. The paper's psi (absolute values, each part scaled to
    0..1 before adding) is left to the display, because the map would no longer add up to the score. FullGrad in
    pytorch-grad-cam is at the image only, with psi, and ignores the target layer.
    """
    return full_gradients(capture, layer)[0]


def full_gradients(capture: Capture, layer: str) -> tuple[Tensor, Tensor]:
    """Split each score into a map (B, h, w) at the layer and a part without a position (B,).

    A network of linear layers and ReLUs is, around its input, linear in its input and in its biases. With the part
    of the network after the layer as the network, and the activation A as its input, exactly

        y = sum A dy/dA + sum over the biases b after the layer of b sum dy/d(output of b's module).

    The map is the first term summed over the channels, plus each bias term that has a map, also summed over the
    channels and resized to (h, w) by `_spread`, which keeps its sum. The biases of modules without a map (those of
    the head) are the second result: map.sum() + second result = score.

    Biases are those of convolutions, Linear layers and BatchNorms (beta - gamma mean / sigma), and the limits of
    ReLU6 and Hardtanh, because a cell at the limit is a constant. Of curved functions (SiLU, sigmoid, softmax, the
    division in LayerNorm, a product of two signals as in squeeze-and-excitation) only the linear part is included,
    and the sum is then not the score. Nor is it at a layer inside a residual block, because the skip connection
    goes around the layer; after the block it is.

    Raises LayerError where no gradient reaches the layer.
    """
    network = capture.resume(layer)
    biased = [call for call in network.calls if _has_bias(call.module)]
    images = torch.arange(capture.logits.shape[0], device=capture.logits.device)
    with torch.inference_mode(False), torch.enable_grad():
        activation = capture.activations[layer].clone().requires_grad_()
        logits, outputs = network.run_with_outputs(activation, images, biased)
        # An output that does not depend on the layer (it comes through a skip connection) has no graph.
        dependent = [(call, output) for call, output in zip(biased, outputs, strict=True) if output.requires_grad]
        points = [activation, *(output for _, output in dependent)]
        score = capture.score_of(logits, images).sum()
        if not score.requires_grad:
            raise no_gradient(layer)
        gradients = torch.autograd.grad(score, points, allow_unused=True, materialize_grads=True)
    maps = (capture.activations[layer] * gradients[0]).sum(dim=1)
    without_position = torch.zeros_like(maps[:, 0, 0])
    for (call, output), gradient in zip(dependent, gradients[1:], strict=True):
        bias = _bias(call.module, output.detach())
        part = bias.to(maps.dtype) * gradient.to(maps.dtype)
        if call.spatial and output.ndim == 4:
            maps = maps + _spread(part.sum(dim=1), maps.shape[1], maps.shape[2])
        else:
            without_position = without_position + part.flatten(1).sum(dim=1)
    return maps, without_position


def _has_bias(module: nn.Module) -> bool:
    bias = getattr(module, "bias", None)
    return isinstance(module, nn.Hardtanh | _BatchNorm) or (isinstance(bias, Tensor) and bias.ndim == 1)


def _bias(module: Any, output: Tensor) -> Tensor:
    """Return the constant part of a module's output, in a shape that broadcasts with it."""
    if isinstance(module, nn.Hardtanh):  # also ReLU6; at its limits the output is a constant
        limited = (output <= module.min_val) | (output >= module.max_val)
        return torch.where(limited, output, 0)
    bias = module.bias
    if isinstance(module, _BatchNorm):
        bias = output.new_zeros(module.num_features) if bias is None else bias
        if module.running_mean is not None and module.running_var is not None:
            slope = (module.running_var + module.eps).rsqrt() * (1 if module.weight is None else module.weight)
            bias = bias - slope * module.running_mean
    last = isinstance(module, nn.Linear) or type(module) is nn.LayerNorm
    return bias.detach() if last else bias.detach().view(-1, *[1] * (output.ndim - 2))


def _spread(maps: Tensor, height: int, width: int) -> Tensor:
    """Resize maps (B, h', w') to (B, height, width) with the same sum.

    Bilinear, or averages over areas where the maps get smaller; each cell's shares are scaled to add up to 1.
    """
    return _shares(maps.shape[1], height, maps) @ maps @ _shares(maps.shape[2], width, maps).T


def _shares(size: int, new: int, like: Tensor) -> Tensor:
    """Return (new, size): column j has the shares of cell j in each new cell, and sums to 1."""
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
    about="Splits the whole score into the contributions of the layer's cells, through the gradient, and those of "
    "every bias after the layer, at its position. Together with the biases of the head the map adds up to the "
    "score, exactly for networks of convolutions, BatchNorm and ReLU. With curved activations (SiLU, sigmoid) or "
    "squeeze-and-excitation a part of the score is missing, and so it is at a layer inside a residual block, "
    "where a skip connection goes around the layer. The paper shows absolute values; here the signs are kept.",
    prefer="Where the map should account for the whole score. It needs one forward and one backward pass after "
    "the layer; at the last layer it is HiResCAM, whose map leaves out only the biases of the head.",
    needs_resume=True,
)
