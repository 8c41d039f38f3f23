"""Grad-CAM++: channels weighted by the positive gradient, each cell with its own coefficient."""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.methods.base import Method


def gradcampp(capture: Capture, layer: str) -> Tensor:
    """Return Grad-CAM++ (B, h, w), Chattopadhay et al. 2018, alpha of eq. 19, without the final ReLU.

    w_k = sum_ij alpha_ij relu(g_ij) with g = dy/dA and alpha_ij = g_ij^2 / (2 g_ij^2 + S_k g_ij^3), where
    S_k is the channel's sum; the second and third derivatives are those of exp(y), which the paper takes
    the class score to be, in a network of ReLUs. The factor exp(y) itself, one number an image, is left
    out, as in all implementations: it overflows.

    Only cells with g > 0 count, and for them w_k = sum_ij g_ij / (2 + S_k g_ij). In this form nothing underflows.
    The paper assumes that A is the output of a ReLU, so that S_k is not negative. In a layer with negative outputs
    a negative S_k could make the denominator zero or reverse the weight's sign, so it is replaced by 0.

    Other libraries differ: pytorch-grad-cam computes the powers and adds 1e-6 to the denominator, which is larger
    than the denominator itself where gradients are small, as at early layers; torch-cam 0.5.0 divides a copy, so
    its weights are sum_ij relu(g_ij)^3.
    """
    activation = capture.activations[layer]
    positive = capture.gradients[layer].clamp(min=0)
    total = activation.sum(dim=(2, 3), keepdim=True).clamp(min=0)
    weights = (positive / (2 + total * positive)).sum(dim=(2, 3))
    return torch.einsum("bc,bchw->bhw", weights, activation)


GRADCAMPP = Method(
    "gradcam++",
    "Grad-CAM++",
    "Chattopadhay et al. 2018",
    "https://arxiv.org/abs/1710.11063",
    gradcampp,
    formula=r"\sum_k \Big(\sum_{ij}\alpha^k_{ij}\,\mathrm{ReLU}(g^k_{ij})\Big)A^k,\quad "
    r"\alpha^k_{ij}=\frac{(g^k_{ij})^2}{2(g^k_{ij})^2+\sum_{ab}A^k_{ab}\,(g^k_{ij})^3},\quad "
    r"g=\frac{\partial y}{\partial A}",
    about="Weights each channel by its positive gradients only, and gives the cells of a channel coefficients "
    "with which small and large appearances of the object count the same.",
    prefer="Where a picture shows the object several times, or Grad-CAM covers only a part of it. It ignores "
    "evidence against the class, so maps of different classes look more alike than Grad-CAM's. Do not use "
    "it at layers with negative outputs (a linear bottleneck): its weights are never negative, so such "
    "channels make the object dark. It takes as long as Grad-CAM.",
    needs_gradient=True,
)
