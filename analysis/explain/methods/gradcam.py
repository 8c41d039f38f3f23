"""Grad-CAM: channels weighted by the mean gradient of the score."""

from __future__ import annotations

from torch import Tensor

from analysis.explain.capture import Capture
from analysis.explain.methods.base import Method


def gradcam(taken: Capture, layer: str) -> Tensor:
    """Signed Grad-CAM (B, h, w), Selvaraju et al. 2017, eqs. 1 and 2, without eq. 2's final ReLU."""
    weights = taken.gradients[layer].mean(dim=(2, 3), keepdim=True)
    return (weights * taken.activations[layer]).sum(dim=1)


GRADCAM = Method(
    "gradcam", "Grad-CAM", "Selvaraju et al. 2017, arXiv:1610.02391", needs_gradient=True, maps=gradcam
)
