"""ShapleyCAM: Grad-CAM with a correction for the curvature of the score."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from analysis.explain.engine.capture import Capture
from analysis.explain.errors import no_gradient
from analysis.explain.methods.base import Method

# The step of the difference that replaces a missing second derivative, relative to the activation.
_STEP = 1 / 64


def shapleycam(capture: Capture, layer: str) -> Tensor:
    """Return ShapleyCAM (B, h, w), Cai 2025, without the final ReLU: channels weighted by the mean of g - H A / 2.

    g = dy/dA and H is the score's Hessian in the activation. To second order around A, the Shapley value of
    a cell in the game of setting cells to zero is A_ij (g - H A / 2)_ij; the channel's weight is the mean of the
    bracket, as in Grad-CAM. The product H A is one more backward pass through the gradient; H is never formed.

    A network that is piecewise linear after the layer (ReLU, max pool) has H = 0 and Grad-CAM's map. The
    paper proposes y + log softmax(y) as the score for that case; here it is always the score itself that
    is explained, as in pytorch-grad-cam. Where PyTorch has no second derivative for an operation
    (hardsigmoid, for one), H A is the central difference of g along A.
    """
    activation, step = capture.activations[layer], max(capture.batch_size(layer), 1)
    images = torch.arange(len(activation), device=activation.device)
    weights = [
        _weights(capture, layer, activation[start : start + step], images[start : start + step])
        for start in range(0, len(activation), step)
    ]
    return torch.einsum("bc,bchw->bhw", torch.cat(weights), activation)


def _weights(capture: Capture, layer: str, activation: Tensor, images: Tensor) -> Tensor:
    """Return the mean (N, C) over the cells of g - H A / 2, for activations (N, C, h, w) of those images."""
    # The fused attention kernels have no second derivative; the plain one has.
    with torch.inference_mode(False), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        try:
            gradient, point = _gradient(capture, layer, activation, images, create_graph=True)
            curvature = torch.zeros_like(activation)
            if gradient.requires_grad:  # else the score is linear in the layer
                (curvature,) = torch.autograd.grad(
                    gradient, point, activation, allow_unused=True, materialize_grads=True
                )
        except RuntimeError as error:
            if "is not implemented" not in str(error):
                raise
            above, below = (
                _gradient(capture, layer, activation * factor, images)[0] for factor in (1 + _STEP, 1 - _STEP)
            )
            gradient = _gradient(capture, layer, activation, images)[0]
            curvature = (above - below) / (2 * _STEP)
    return (gradient.detach() - curvature / 2).mean(dim=(2, 3))


def _gradient(
    capture: Capture, layer: str, activation: Tensor, images: Tensor, create_graph: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the gradient (N, C, h, w) of the scores at an activation, and the leaf tensor it belongs to."""
    point = activation.detach().clone().requires_grad_()
    score = capture.score_of(capture.resume(layer)(point, images), images).sum()
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
    about="Computes what each cell adds to the score, on average over all orders of adding the cells: its "
    "Shapley value, to second order. Where the score curves between zero and the activation, the gradient alone "
    "is too large or too small.",
    prefer="For networks with smooth activation functions (SiLU, GELU, attention). With ReLUs alone the "
    "score does not curve, and the map is Grad-CAM. It needs one forward and two backward passes after the layer.",
    needs_resume=True,
)
