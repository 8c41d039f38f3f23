"""Combine the maps of several layers into one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from analysis.explain.errors import ExplainError, UnknownNameError, closest

FUSIONS = ("mean", "max", "tanh")
_GAMMA = 2.0


def fuse(maps: Sequence[Tensor], how: str) -> Tensor:
    """Return one map (B, H, W) from maps (B, h, w) of several layers, enlarged bilinearly to the largest h and w.

    Parameters
    ----------
    maps : at least one, of the same B images, in any order.
    how : "mean" or "max" of the maps' values as they are, cell by cell and signed. Gradients grow from layer
        to layer, so the layer with the largest values dominates; scale the maps first to avoid that.
        "tanh" is that of LayerCAM (Jiang et al. 2021, eq. 9): each map's positive part M becomes tanh(2 M / max
        M), with the maximum of each image, and the largest value over the layers is used. It raises the weak
        values of shallow layers relative to the strong ones of deep layers. A map without a positive value becomes
        zero. torch-cam leaves the division to the caller.

    Raises
    ------
    ExplainError : no maps, or shapes that do not fit.
    UnknownNameError : another `how`.

    Example
    -------
    >>> fuse([torch.ones(1, 7, 7), torch.zeros(1, 14, 14)], "mean").shape
    torch.Size([1, 14, 14])
    """
    if how not in FUSIONS:
        raise UnknownNameError(
            f"unknown fusion {how!r}.{closest(str(how), FUSIONS)} The ways are {', '.join(FUSIONS)}."
        )
    if not maps:
        raise ExplainError("name at least one layer's map to fuse")
    if any(each.ndim != 3 or len(each) != len(maps[0]) for each in maps):
        shapes = ", ".join(str(tuple(each.shape)) for each in maps)
        raise ExplainError(f"maps to fuse must be (B, h, w) of the same B images; got {shapes}")
    size = (max(each.shape[1] for each in maps), max(each.shape[2] for each in maps))
    stack = torch.stack([_enlarged(_scaled(each) if how == "tanh" else each, size) for each in maps])
    return stack.mean(dim=0) if how == "mean" else stack.amax(dim=0)


def _scaled(maps: Tensor) -> Tensor:
    positive = maps.clamp(min=0)
    largest = positive.amax(dim=(1, 2), keepdim=True)
    return (_GAMMA * positive / torch.where(largest > 0, largest, 1)).tanh()


def _enlarged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return interpolate(maps[:, None], size, mode="bilinear", align_corners=False)[:, 0]
