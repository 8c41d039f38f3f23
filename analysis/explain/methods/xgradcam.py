"""XGrad-CAM: channels weighted by the gradient where the channel is active."""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.methods.base import Method


def xgradcam(capture: Capture, layer: str) -> Tensor:
    """Return XGrad-CAM (B, h, w), Fu et al. 2020, without the final ReLU.

    Each channel's weight is the mean of its gradient, weighted by its activation:
    w_k = sum_ij (A_ij / sum_mn A_mn) dy/dA_ij. Each channel's map then sums to the channel's own
    contribution sum_ij A_ij dy/dA_ij (the paper's conservation axiom), and the whole map to that of all.

    The paper takes A to be the output of a ReLU. A channel whose sum is only rounding (a channel that is
    zero everywhere, or positive and negative values that cancel) gets the weight 0; torch-cam and pytorch-grad-cam
    add 1e-8 or 1e-7 to the sum instead, which gives a sum near zero a huge weight.
    """
    activation, gradient = capture.activations[layer], capture.gradients[layer]
    total = activation.sum(dim=(2, 3))
    # Rounding of a sum grows with the size of its terms, so the sum is compared with these.
    rounding = activation.abs().sum(dim=(2, 3)) * (10 * torch.finfo(activation.dtype).eps)
    counts = total.abs() > rounding
    contribution = (activation * gradient).sum(dim=(2, 3))
    weights = torch.where(counts, contribution / torch.where(counts, total, 1), 0)
    return torch.einsum("bc,bchw->bhw", weights, activation)


XGRADCAM = Method(
    "xgradcam",
    "XGrad-CAM",
    "Fu et al. 2020",
    "https://arxiv.org/abs/2008.02312",
    xgradcam,
    formula=r"\sum_k \Big(\sum_{ij}\frac{A^k_{ij}}{\sum_{mn}A^k_{mn}}"
    r"\frac{\partial y}{\partial A^k_{ij}}\Big)\,A^k",
    about="Grad-CAM with a better mean: a channel's gradient is averaged over the cells in proportion to how "
    "active the channel is there, so every channel's part of the map adds up to what the channel "
    "contributes to the score.",
    prefer="At inner layers of networks with ReLU, where a smooth map is wanted that still adds up. It takes as "
    "long as Grad-CAM, and equals it before an average pool. Do not use it at layers with negative outputs "
    "(before a ReLU, or a linear bottleneck): there the sum that it divides by can be close to zero.",
    needs_gradient=True,
)
