"""Smooth Grad-CAM++: Grad-CAM++ from gradients averaged over noisy copies of the image."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.methods.base import Method
from analysis.explain.methods.perturbation import IMAGE_BATCH, weighted

SAMPLES, SIGMA = 4, 0.3  # as in torch-cam; sigma in units of the normalised input


def smoothgradcampp(capture: Capture, layer: str) -> Tensor:
    """Return Smooth Grad-CAM++ (B, h, w), Omeiza et al. 2019.

    With G = dy/dA at the noisy image x + N(0, 0.3^2) and <.> the mean over n = 4 of them,

        w_k = sum_ij a_kij relu(<G_kij>),   a_kij = <G_kij^2> / (2 <G_kij^2> + S_k <G_kij^3>),

    S_k = sum_ab A_kab, and the map is sum_k w_k A^k; A and S_k are those of the image without noise. The powers of
    the gradient are the higher derivatives of exp(y) without their common factor, as in Grad-CAM++; without noise
    this is Grad-CAM++. The numerator printed in the paper is the first derivative (torch-cam notes this too),
    which does not give Grad-CAM++; like torch-cam, this uses the second. Unlike its own formula, the code of
    torch-cam sums A G^3 cell by cell in the denominator, applies the relu to the gradient of the last noisy image
    instead of the mean, and applies the weights to the activation of that image. Negative S_k and <G^3> are set to
    0 (as `gradcampp` does with S_k): the derivation of Grad-CAM++ excludes them, and they could make the
    denominator 0 or reverse the weight's sign.

    One fixed set of n noise images is used for all images, so a map is the same every time, alone or in a batch.
    This needs n forward and backward passes.
    """
    only = replace(capture, activations={layer: capture.activations[layer]})  # no gradients of other layers
    # Drawn on the CPU in float32: the same numbers on every device and in every dtype.
    standard_noise = torch.randn(SAMPLES, *capture.x.shape[1:], generator=torch.Generator().manual_seed(0))
    noise = (SIGMA * standard_noise).to(capture.x)
    first, second, third = (torch.zeros_like(capture.activations[layer]) for _ in range(3))
    parts = torch.arange(capture.x.shape[0], device=capture.x.device).split(IMAGE_BATCH)
    for turn, (sample, images) in enumerate(product(noise, parts), start=1):
        gradient = only.recapture(capture.x[images] + sample, images).gradients[layer]
        first[images] += gradient
        second[images] += gradient.square()
        third[images] += gradient.pow(3)
        capture.progress(turn, len(noise) * len(parts))
    means = first / SAMPLES, second / SAMPLES, third / SAMPLES
    return weighted(capture, layer, _weights(capture.activations[layer], *means))


def _weights(activation: Tensor, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
    """Return weights (B, C) from an activation and the means of its gradient's first three powers."""
    total = activation.sum(dim=(2, 3), keepdim=True).clamp(min=0)
    denominator = 2 * second + total * third.clamp(min=0)
    alpha = torch.where(denominator > 0, second / denominator, 0)
    return (alpha * first.relu()).sum(dim=(2, 3))


SMOOTHGRADCAMPP = Method(
    "smoothgradcam++",
    "Smooth Grad-CAM++",
    "Omeiza et al. 2019",
    "https://arxiv.org/abs/1908.01224",
    smoothgradcampp,
    formula=r"\sum_k \Big(\sum_{ij} \frac{\overline{G^2}}{2\overline{G^2} + \sum_{ab} A^k_{ab}\,\overline{G^3}}"
    r"\;\mathrm{relu}\big(\overline{G}\big)\Big)_{\!ij} A^k,\qquad G = \frac{\partial y}{\partial A^k_{ij}}"
    r"\text{ at } x + \mathcal{N}(0, \sigma^2)",
    about="Grad-CAM++ with gradients averaged over four copies of the picture with a little random noise, the "
    "same noise every time. What depends on small differences of single pixels averages out.",
    prefer="Where the map of Grad-CAM++ is speckled, or changes with tiny changes of the picture. It needs four "
    "forward and backward passes for each layer.",
    needs_forward=True,
)
