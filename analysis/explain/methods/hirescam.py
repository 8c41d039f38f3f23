"""HiResCAM: every cell weighted by its own gradient."""

from __future__ import annotations

from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.methods.base import Method


def hirescam(capture: Capture, layer: str) -> Tensor:
    """Return HiResCAM (B, h, w), Draelos and Carin 2020: sum over channels of dy/dA_ij * A_ij, signed.

    Where the rest of the network is affine in the layer, the map's sum plus the bias is the score. Before an
    average pool and a linear head the gradient is the same in every cell, and the map is Grad-CAM's.
    """
    return (capture.gradients[layer] * capture.activations[layer]).sum(dim=1)


HIRESCAM = Method(
    "hirescam",
    "HiResCAM",
    "Draelos and Carin 2020",
    "https://arxiv.org/abs/2011.08891",
    hirescam,
    formula=r"\sum_k \frac{\partial y}{\partial A^k_{ij}}\,A^k_{ij}",
    about="Multiplies every cell by its own gradient instead of the channel's mean gradient, and sums the "
    "channels. Nothing is averaged away, so a cell is bright only where the score would change if that "
    "cell changed.",
    prefer="Over Grad-CAM at inner layers and before flattened heads, where Grad-CAM can light up places the "
    "network did not use. At the layer before an average pool and a linear head the two are the same. "
    "It takes as long as Grad-CAM; at early layers the map is grainy.",
    needs_gradient=True,
)
