"""KPCA-CAM: the layer's first kernel principal component."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.methods.base import Method
from analysis.explain.methods.eigencam import oriented

# The eigenvalue problem is of this size at most (28 x 28 cells), and no kernel has more entries than that.
_LANDMARKS = 784
_ENTRIES = 2**24


def kpcacam(taken: Capture, layer: str) -> Tensor:
    """KPCA-CAM (B, h, w), Karmani et al. 2024: the cells' first component of kernel PCA over the channels.

    With x_i (C,) the channels of cell i, centred over the cells, K_ij = tanh(<x_i, x_j> / C + 1) is the sigmoid
    kernel that the authors' code (in pytorch-grad-cam) takes, K' is K centred in feature space, and the map
    is K' u / sqrt(lambda) for its largest eigenvalue lambda and eigenvector u (Schoelkopf et al. 1998).

    A map of more than 784 cells has its component from an even grid of them, on which all cells are then
    projected (the Nystroem extension), so neither time nor memory grows with (hw)^2. Below, it is exact.

    A component has no sign of its own, and being centred its map sums to zero. It is given the sign
    with which it grows with the squared length of the cells' activation: bright is where the layer is active.
    No class is in it: every target has the same map.
    """
    output = taken.activations[layer]
    cells = output.flatten(2).mT  # (B, n, C)
    centred = cells - cells.mean(dim=1, keepdim=True)
    landmarks = centred[:, _grid(output.shape[2], output.shape[3], output.device)]
    own = _kernel(landmarks, landmarks)
    column_mean = own.mean(dim=1, keepdim=True)
    values, vectors = torch.linalg.eigh(_centred(own, column_mean))
    # The kernel's values are below 1, so an eigenvalue of this size is rounding: all cells are alike.
    real = values[:, -1:] > 10 * own.shape[1] * torch.finfo(own.dtype).eps
    coefficients = torch.where(real, vectors[..., -1] / torch.where(real, values[:, -1:], 1).sqrt(), 0)
    step = max(1, _ENTRIES // (own.shape[0] * own.shape[1]))
    component = torch.cat(
        [
            torch.einsum("bnm,bm->bn", _centred(_kernel(some, landmarks), column_mean), coefficients)
            for some in centred.split(step, dim=1)
        ],
        dim=1,
    )
    activity = cells.square().sum(dim=2)
    return oriented(component, activity - activity.mean(dim=1, keepdim=True)).unflatten(1, output.shape[2:])


def _grid(height: int, width: int, device: torch.device) -> Tensor:
    """Numbers of the landmark cells: all, or an even grid of as many rows and columns as the limit allows."""
    share = min(1.0, math.sqrt(_LANDMARKS / (height * width)))
    rows = min(max(1, math.floor(height * share)), _LANDMARKS)
    columns = min(width, _LANDMARKS // rows)
    return (_evenly(height, rows, device)[:, None] * width + _evenly(width, columns, device)).flatten()


def _evenly(total: int, count: int, device: torch.device) -> Tensor:
    """`count` of the numbers 0 .. total-1, each in the middle of its share."""
    return (2 * torch.arange(count, device=device) + 1) * total // (2 * count)


def _kernel(rows: Tensor, columns: Tensor) -> Tensor:
    """(B, n, m): the sigmoid kernel of (B, n, C) and (B, m, C)."""
    return (rows @ columns.mT / rows.shape[2] + 1).tanh()


def _centred(kernel: Tensor, column_mean: Tensor) -> Tensor:
    """A kernel (B, n, m) between any cells and the landmarks, as if the landmarks' features had mean zero.

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
    about="Eigen-CAM with a curved notion of likeness between cells: cells are compared by a sigmoid kernel, so "
    "a few very strong cells do not decide the pattern alone. Like Eigen-CAM it knows no class.",
    prefer="Where Eigen-CAM is taken over by a few extreme cells. Do not read it as a reason for a prediction: "
    "every class has the same map. Costs no backward pass but an eigenvalue problem of up to 784 cells.",
)
