"""ShapleyCAM: Grad-CAM with the curvature of the score taken into account."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from analysis.explain.engine.capture import Capture
from analysis.explain.errors import no_gradient
from analysis.explain.methods.base import Method

# Of the difference that stands in for a missing second derivative: relative to the activation.
_STEP = 1 / 64


def shapleycam(taken: Capture, layer: str) -> Tensor:
    """ShapleyCAM (B, h, w), Cai 2025, without the final ReLU: channels weighted by the mean of g - H A / 2.

    g = dy/dA and H is the score's Hessian in the activation. To second order around A, the Shapley value of
    a cell in the game of switching cells off is A_ij (g - H A / 2)_ij; the channel's weight is the mean of the
    bracket, as in Grad-CAM. The product H A is one more backward pass through the gradient; H is never formed.

    A network that is piecewise linear behind the layer (ReLU, max pool) has H = 0 and Grad-CAM's map. The
    paper proposes y + log softmax(y) as the score for that case; here it is always the score itself that
    is explained, as in pytorch-grad-cam. Where PyTorch has no second derivative for an operation
    (hardsigmoid, for one), H A is the central difference of g along A.
    """
    activation, step = taken.activations[layer], max(taken.rows(layer), 1)
    images = torch.arange(len(activation), device=activation.device)
    weights = [
        _weights(taken, layer, activation[start : start + step], images[start : start + step])
        for start in range(0, len(activation), step)
    ]
    return torch.einsum("bc,bchw->bhw", torch.cat(weights), activation)


def _weights(taken: Capture, layer: str, activation: Tensor, images: Tensor) -> Tensor:
    """(N, C): mean over the cells of g - H A / 2, for the rows of those images."""
    # The fused attention kernels have no second derivative; the plain one has.
    with torch.inference_mode(False), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        try:
            gradient, point = _gradient(taken, layer, activation, images, create_graph=True)
            curvature = torch.zeros_like(activation)
            if gradient.requires_grad:  # else the score is linear in the layer
                (curvature,) = torch.autograd.grad(
                    gradient, point, activation, allow_unused=True, materialize_grads=True
                )
        except RuntimeError as error:
            if "is not implemented" not in str(error):
                raise
            ahead, behind = (
                _gradient(taken, layer, activation * factor, images)[0] for factor in (1 + _STEP, 1 - _STEP)
            )
            gradient = _gradient(taken, layer, activation, images)[0]
            curvature = (ahead - behind) / (2 * _STEP)
    return (gradient.detach() - curvature / 2).mean(dim=(2, 3))


def _gradient(
    taken: Capture, layer: str, activation: Tensor, images: Tensor, create_graph: bool = False
) -> tuple[Tensor, Tensor]:
    """Gradient (N, C, h, w) of the rows' scores at an activation, and the leaf that it was taken at."""
    point = activation.detach().clone().requires_grad_()
    score = taken.score_of(taken.tail(layer)(point, images), images).sum()
    if not score.requires_grad:
        raise no_gradient(layer)
    return torch.autograd.grad(score, point, create_graph=create_graph)[0], point


SHAPLEYCAM = Method(
    "shapleycam",
    "ShapleyCAM",
    "Cai 2025",
    "https://arxiv.org/abs/2501.06261",
    shapleycam,
    formula=r"\sum_k \Big(\frac{1}{hw}\sum_{ij}\big(g-\tfrac12 H A\big)^k_{ij}\Big)A^k,\quad "
    r"g=\frac{\partial y}{\partial A},\ H=\frac{\partial^2 y}{\partial A^2}",
    about="Asks what each cell adds to the score on average over all orders of switching the cells on: its "
    "Shapley value, to second order. Where the score bends on the way to zero, the gradient alone says "
    "too much or too little.",
    prefer="For networks with smooth activation functions (SiLU, GELU, attention). Behind ReLUs alone the score "
    "does not bend and it is Grad-CAM. Costs one forward and two backward passes behind the layer.",
    needs_tail=True,
)
