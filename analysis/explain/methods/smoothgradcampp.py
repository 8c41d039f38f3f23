"""Smooth Grad-CAM++: Grad-CAM++ from gradients averaged over noisy pictures."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.methods.base import Method
from analysis.explain.methods.sweep import PICTURES, weighted

SAMPLES, SIGMA = 4, 0.3  # as in torch-cam; sigma in units of the normalised input


def smoothgradcampp(taken: Capture, layer: str) -> Tensor:
    """Smooth Grad-CAM++ (B, h, w), Omeiza et al. 2019.

    With G = dy/dA at the noisy picture x + N(0, 0.3^2) and <.> the mean over n = 4 of them,

        w_k = sum_ij a_kij relu(<G_kij>),   a_kij = <G_kij^2> / (2 <G_kij^2> + S_k <G_kij^3>),

    S_k = sum_ab A_kab, and the map is sum_k w_k A^k; A and S_k are of the picture without noise. The powers
    of the gradient are the higher derivatives of exp(y) without their common factor, as in Grad-CAM++, which
    this is where the noise is 0. The paper's printed numerator is the first derivative (so torch-cam notes),
    which does not give Grad-CAM++; like torch-cam this takes the second. torch-cam, other than its formula,
    sums A G^3 cell by cell in the denominator, gives its relu the last noisy picture's gradient instead of
    the mean, and lays the weights on that picture's activation. S_k and <G^3> are held at 0 or above
    (`gradcampp` does so with S_k): a negative one, which Grad-CAM++'s derivation rules out, could bring the
    denominator to 0 or turn the weight's sign.

    The noise is one fixed set of n pictures for all images: the same map every time, alone or in a batch.
    n forward and backward passes.
    """
    only = replace(taken, activations={layer: taken.activations[layer]})  # no gradients of other layers
    # drawn on the CPU, in float32: the same numbers on every device and in every dtype
    drawn = torch.randn(SAMPLES, *taken.x.shape[1:], generator=torch.Generator().manual_seed(0))
    noise = (SIGMA * drawn).to(taken.x)
    first, second, third = (torch.zeros_like(taken.activations[layer]) for _ in range(3))
    parts = torch.arange(taken.x.shape[0], device=taken.x.device).split(PICTURES)
    for turn, (sample, images) in enumerate(product(noise, parts), start=1):
        gradient = only.again(taken.x[images] + sample, images).gradients[layer]
        first[images] += gradient
        second[images] += gradient.square()
        third[images] += gradient.pow(3)
        taken.progress(turn, len(noise) * len(parts))
    means = first / SAMPLES, second / SAMPLES, third / SAMPLES
    return weighted(taken, layer, _weights(taken.activations[layer], *means))


def _weights(activation: Tensor, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
    """Weights (B, C) from an activation and the means of its gradient's first three powers, all (B, C, h, w)."""
    total = activation.sum(dim=(2, 3), keepdim=True).clamp(min=0)
    below = 2 * second + total * third.clamp(min=0)
    alpha = torch.where(below > 0, second / below, 0)
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
    about="Grad-CAM++ from gradients that were averaged over four copies of the picture with a little noise, the "
    "same noise every time. What hangs on a single accident of the pixels averages out.",
    prefer="Where Grad-CAM++'s map is speckled or changes with tiny changes of the picture. Four forward and "
    "backward passes from the picture, for each layer.",
    needs_passes=True,
)
