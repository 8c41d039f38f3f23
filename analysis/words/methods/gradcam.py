"""Grad-CAM over words: channels weighted by the mean gradient of the score."""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.words.methods.base import Method
from analysis.words.network import Reading


def gradcam(reading: Reading, layer: str) -> Tensor:
    """Return the Grad-CAM of each token, signed, (B, L); 0 at padding.

    Selvaraju et al., *Grad-CAM*, ICCV 2017, eq. 1 and 2 without the ReLU: alpha_k = mean_t dS/dA_k(t) over the
    real tokens, and sum_k alpha_k A_k(t). At a layer that feeds average and Linear this is the exact CAM.
    """
    gradients = reading.gradients[layer].masked_fill(~reading.real[..., None], 0)
    alpha = gradients.sum(dim=1) / reading.lengths()
    values = torch.einsum("bc,blc->bl", alpha, reading.activations[layer])
    return values.masked_fill(~reading.real, 0)


GRADCAM = Method("gradcam", "Grad-CAM", gradcam, needs_gradient=True)
