"""Eigen-CAM and EigenGrad-CAM: the layer's first principal component."""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.methods.base import Method


def eigencam(capture: Capture, layer: str) -> Tensor:
    """Return Eigen-CAM (B, h, w), Bany Muhammad and Yeasin 2020: O v_1.

    O (hw, C) is the layer's output, one row per cell, and v_1 the first right singular vector of
    O = U S V^T. As in the paper O is not centred, so the map shows the most common pattern of channels rather
    than the largest deviation from the mean; pytorch-grad-cam subtracts each channel's mean first.

    The sign of a singular vector is not determined. It is chosen so that the map's sum is positive: bright cells
    show the pattern. The map does not depend on a class: every target has the same map.
    """
    output = capture.activations[layer]
    cells = output.flatten(2)
    return _projection(cells, towards=torch.ones_like(cells[:, 0])).unflatten(1, output.shape[2:])


def eigengradcam(capture: Capture, layer: str) -> Tensor:
    """Return EigenGrad-CAM (B, h, w): the first component as in Eigen-CAM, of A_ij * dy/dA_ij instead of A_ij.

    There is no paper; it is pytorch-grad-cam's combination of Eigen-CAM and HiResCAM. As in
    `eigencam` nothing is centred here (pytorch-grad-cam does): the mean is what the cells have in common.

    The sign is chosen so that the map agrees with HiResCAM, the sum over the same channels (their inner product is
    not negative). So cells with evidence against the class are negative, and exchanging the classes of a contrast
    reverses the map's sign.
    """
    contributions = capture.activations[layer] * capture.gradients[layer]
    cells = contributions.flatten(2)
    return _projection(cells, towards=cells.sum(dim=1)).unflatten(1, contributions.shape[2:])


def leading_eigenvectors(matrices: Tensor) -> Tensor:
    """Return unit eigenvectors (B, n), of any sign, of the largest eigenvalue of symmetric matrices (B, n, n)."""
    return torch.linalg.eigh(matrices).eigenvectors[..., -1]


def oriented(maps: Tensor, towards: Tensor) -> Tensor:
    """Return maps (B, n), each with the sign that makes its inner product with `towards` (B, n) not negative."""
    agreement = (_scaled(maps) * _scaled(towards)).sum(dim=1, keepdim=True)
    return torch.where(agreement < 0, -maps, maps)


def _projection(cells: Tensor, towards: Tensor) -> Tensor:
    """Project n cells (B, C, n) on the first singular vector over the channels, oriented; return (B, n)."""
    values = _scaled(cells)  # scaling does not change singular vectors
    channels, count = cells.shape[1:]
    if channels <= count:
        direction = leading_eigenvectors(values @ values.mT)
        component = torch.einsum("bc,bcn->bn", direction, cells)
    else:  # the smaller Gram matrix has the same singular values, and O v_1 = s_1 u_1 = O O^T u_1 / s_1
        left = leading_eigenvectors(values.mT @ values)
        component = torch.linalg.vector_norm(torch.einsum("bcn,bn->bc", cells, left), dim=1, keepdim=True) * left
    return oriented(component, towards)


def _scaled(values: Tensor) -> Tensor:
    """Divide each image's values by their largest magnitude, so that products of tiny values do not underflow."""
    size = values.abs().amax(dim=tuple(range(1, values.ndim)), keepdim=True)
    return values / torch.where(size > 0, size, 1)


EIGENCAM = Method(
    "eigencam",
    "Eigen-CAM",
    "Bany Muhammad and Yeasin 2020",
    "https://arxiv.org/abs/2008.00299",
    eigencam,
    formula=r"O\,v_1,\qquad O=U\Sigma V^{\top}\in\mathbb{R}^{hw\times C}",
    about="Shows the layer's strongest pattern: the channels of each cell are projected on the first singular "
    "vector of all cells. It uses neither a gradient nor a class: it shows what the layer responds to, not what "
    "is evidence for a class.",
    prefer="To find what stands out in a layer, also where gradients are noisy or missing. Do not read it as a "
    "reason for a prediction: every class has the same map. It needs a small eigenvalue problem and no "
    "backward pass.",
)
EIGENGRADCAM = Method(
    "eigengradcam",
    "EigenGrad-CAM",
    "Gildenblat 2021 (pytorch-grad-cam), after Bany Muhammad and Yeasin 2020",
    "https://github.com/jacobgil/pytorch-grad-cam",
    eigengradcam,
    formula=r"P\,v_1,\qquad P=A\odot\frac{\partial y}{\partial A}=U\Sigma V^{\top}\in\mathbb{R}^{hw\times C}",
    about="Eigen-CAM of what HiResCAM adds up: the strongest pattern among the contributions of the cells to "
    "the score. Contributions that do not follow that pattern are treated as noise.",
    prefer="Where HiResCAM is too grainy to read. It is cleaner, but it no longer adds up to the score: a second "
    "reason in the picture, in other channels, is left out. It needs a backward pass and a small eigenvalue "
    "problem.",
    needs_gradient=True,
)
