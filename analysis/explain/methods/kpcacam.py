"""KPCA-CAM: the layer's first kernel principal component."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.methods.base import Method
from analysis.explain.methods.eigencam import oriented

# The largest eigenvalue problem (28 x 28 cells), and the most entries of a kernel matrix.
_LANDMARKS = 784
_ENTRIES = 2**24


def kpcacam(capture: Capture, layer: str) -> Tensor:
    """Return KPCA-CAM (B, h, w), Karmani et al. 2024: the cells' first component of kernel PCA over the channels.

    With x_i (C,) the channels of cell i, centred over the cells, K_ij = tanh(<x_i, x_j> / C + 1) is the sigmoid
    kernel that the authors' code (in pytorch-grad-cam) uses, K' is K centred in feature space, and the map
    is K' u / sqrt(lambda) for its largest eigenvalue lambda and eigenvector u (Schoelkopf et al. 1998).

    For a map of more than 784 cells the component is computed from an even grid of cells, and all cells are then
    projected on it (the Nystroem extension), so neither time nor memory grows with (hw)^2. For smaller maps it is
    exact.

    The sign of a component is not determined, and as it is centred its map sums to zero. The sign is chosen so
    that the map grows with the squared length of the cells' activation: bright is where the layer is active. The
    map does not depend on a class: every target has the same map.
    """
    output = capture.activations[layer]
    cells = output.flatten(2).mT  # (B, n, C)
    centred = cells - cells.mean(dim=1, keepdim=True)
    landmarks = centred[:, _grid(output.shape[2], output.shape[3], output.device)]
    own = _kernel(landmarks, landmarks)
    column_mean = own.mean(dim=1, keepdim=True)
    values, vectors = torch.linalg.eigh(_centred(own, column_mean))
    # The kernel's values are below 1, so a smaller eigenvalue is only rounding: all cells are equal.
    nonzero = values[:, -1:] > 10 * own.shape[1] * torch.finfo(own.dtype).eps
    coefficients = torch.where(nonzero, vectors[..., -1] / torch.where(nonzero, values[:, -1:], 1).sqrt(), 0)
    step = max(1, _ENTRIES // (own.shape[0] * own.shape[1]))
    component = torch.cat(
        [
            torch.einsum("bnm,bm->bn", _centred(_kernel(part, landmarks), column_mean), coefficients)
            for part in centred.split(step, dim=1)
        ],
        dim=1,
    )
    activity = cells.square().sum(dim=2)
    return oriented(component, activity - activity.mean(dim=1, keepdim=True)).unflatten(1, output.shape[2:])


def _grid(height: int, width: int, device: torch.device) -> Tensor:
    """Return indices of the landmark cells: all, or the largest even grid that the limit allows."""
    share = min(1.0, math.sqrt(_LANDMARKS / (height * width)))
    rows = min(max(1, math.floor(height * share)), _LANDMARKS)
    columns = min(width, _LANDMARKS // rows)
    return (_evenly(height, rows, device)[:, None] * width + _evenly(width, columns, device)).flatten()


def _evenly(total: int, count: int, device: torch.device) -> Tensor:
    """Return `count` of the numbers 0 .. total-1, evenly spaced."""
    return (2 * torch.arange(count, device=device) + 1) * total // (2 * count)


def _kernel(rows: Tensor, columns: Tensor) -> Tensor:
    """Return the sigmoid kernel (B, n, m) of cells (B, n, C) and (B, m, C)."""
    return (rows @ columns.mT / rows.shape[2] + 1).tanh()


def _centred(kernel: Tensor, column_mean: Tensor) -> Tensor:
    """Centre a kernel (B, n, m) of cells and landmarks, so that the landmarks' features have mean zero.

    `column_mean` (B, 1, m) is that of the landmarks' own kernel.
    """
    return kernel - kernel.mean(dim=2, keepdim=True) - column_mean + column_mean.mean(dim=2, keepdim=True)


KPCACAM = Method(
    "kpcacam",
    "KPCA-CAM",
    "Karmani et al. 2024",
    "https://arxiv.org/abs/2410.00267",
    kpcacam,
    formula=r"\frac{K'u_1}{\sqrt{\lambda_1}},\qquad "
    r"K_{ij}=\tanh\!\big(\tfrac{1}{C}\langle x_i,x_j\rangle+1\big),\quad K'=K\ \text{centred},\quad "
    r"K'u_1=\lambda_1u_1",
    about="Eigen-CAM with another measure of similarity between cells: they are compared by a sigmoid kernel, so "
    "a few very strong cells do not decide the pattern alone. Like Eigen-CAM it does not depend on a class.",
    prefer="Where a few extreme cells dominate Eigen-CAM. Do not read it as a reason for a prediction: "
    "every class has the same map. It needs no backward pass, but an eigenvalue problem of up to 784 cells.",
)
