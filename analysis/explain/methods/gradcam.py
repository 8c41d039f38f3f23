"""Grad-CAM: channels weighted by the mean gradient of the score."""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.methods.base import Method


def gradcam(capture: Capture, layer: str) -> Tensor:
    """Return the signed Grad-CAM (B, h, w), Selvaraju et al. 2017, eqs. 1 and 2, without eq. 2's final ReLU."""
    weights = capture.gradients[layer].mean(dim=(2, 3))
    return torch.einsum("bc,bchw->bhw", weights, capture.activations[layer])


GRADCAM = Method(
    "gradcam",
    "Grad-CAM",
    "Selvaraju et al. 2017",
    "https://arxiv.org/abs/1610.02391",
    gradcam,
    formula=r"\sum_k \Big(\frac{1}{hw}\sum_{ij}\frac{\partial y}{\partial A^k_{ij}}\Big)\,A^k",
    about="Weights each channel by the mean gradient of the score over the channel's cells: a channel counts "
    "as much as the score would rise if the whole channel rose a little. Works at every layer of every "
    "network.",
    prefer="The method to begin with. At the layer before an average pool and a linear head it is CAM "
    "itself, up to the factor h·w. At inner layers the mean over the cells hides where the gradient came "
    "from: compare HiResCAM or LayerCAM there.",
    needs_gradient=True,
)
