"""How far two maps of the same layer agree, and how much of each lies inside a mask."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

TOP_SHARE = 0.2


@dataclass(frozen=True)
class Agreement:
    """Numbers that compare a CAM with the Grad-CAM of the same layer, both signed, at the layer's resolution.

    `nan` marks a number that is not defined: a correlation or an overlap where one of the maps is
    constant, an energy share where a map has no positive part. `None` marks a mask that was not given.

    Attributes
    ----------
    correlation, rank_correlation : Pearson's and Spearman's, over the h x w cells.
    overlap_top20 : shared part of the hottest fifth of the cells, 0..1 (chance: 0.2).
    peak_cam, peak_gradcam : (row, column) of the largest value; the first in reading order where several tie.
    mask_energy_cam, mask_energy_gradcam : share of the map's positive part inside the pet's mask.
    mask_share : the mask's share of the picture, which is what a map without knowledge would reach.
    shortcut_energy_cam, shortcut_energy_gradcam, shortcut_share : the same for the shortcut object.
    """

    correlation: float
    rank_correlation: float
    overlap_top20: float
    peak_cam: tuple[int, int]
    peak_gradcam: tuple[int, int]
    mask_energy_cam: float | None = None
    mask_energy_gradcam: float | None = None
    mask_share: float | None = None
    shortcut_energy_cam: float | None = None
    shortcut_energy_gradcam: float | None = None
    shortcut_share: float | None = None


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation over the cells; nan where either map is constant or not finite."""
    if _flat(first) or _flat(second):
        return math.nan
    return float(np.corrcoef(np.ravel(first).astype(np.float64), np.ravel(second).astype(np.float64))[0, 1])


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's correlation over the cells (ties share their mean rank); nan where either map is constant."""
    if _flat(first) or _flat(second):
        return math.nan
    return float(stats.spearmanr(np.ravel(first), np.ravel(second)).statistic)


def overlap_top(first: np.ndarray, second: np.ndarray, share: float = TOP_SHARE) -> float:
    """Shared part of the hottest `share` of the cells, 0..1; nan where either map is constant.

    The hottest set holds k = ceil(share * cells) cells. Cells that tie at its edge belong to it in equal
    parts, so the number depends neither on their order nor on which map comes first.
    """
    if _flat(first) or _flat(second):
        return math.nan
    k = math.ceil(share * np.size(first))
    return float(np.minimum(_top_membership(first, k), _top_membership(second, k)).sum() / k)


def peak(values: np.ndarray) -> tuple[int, int]:
    """(row, column) of the largest value, the first in reading order where several tie."""
    row, column = np.unravel_index(int(np.argmax(values)), values.shape)
    return int(row), int(column)


def area_average(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Share of each cell of an h x w grid that a (H, W) mask covers, float64 (h, w), exact for any sizes."""
    rows, columns = _cell_overlap(mask.shape[0], height), _cell_overlap(mask.shape[1], width)
    return rows @ mask.astype(np.float64) @ columns.T


def energy_inside(values: np.ndarray, mask: np.ndarray) -> float:
    """Share of the map's positive part inside a (H, W) mask, 0..1; nan where the map has no positive part.

    The mask is averaged over each cell of the map, so a cell half covered counts half.
    """
    positive = np.maximum(values.astype(np.float64), 0)
    total = positive.sum()
    if not np.isfinite(total) or total <= 0:
        return math.nan
    return float((positive * area_average(mask, *values.shape)).sum() / total)


def agreement(
    cam: np.ndarray, gradcam: np.ndarray, mask: np.ndarray | None = None, shortcut: np.ndarray | None = None
) -> Agreement:
    """Compare two signed maps (h, w) of one layer; masks are bool (H, W) over the whole picture.

    Raises ValueError where the maps differ in shape.
    """
    if cam.shape != gradcam.shape or cam.ndim != 2:
        raise ValueError(f"both maps must be (h, w) of one layer, got {cam.shape} and {gradcam.shape}")
    return Agreement(
        correlation=correlation(cam, gradcam),
        rank_correlation=rank_correlation(cam, gradcam),
        overlap_top20=overlap_top(cam, gradcam),
        peak_cam=peak(cam),
        peak_gradcam=peak(gradcam),
        mask_energy_cam=None if mask is None else energy_inside(cam, mask),
        mask_energy_gradcam=None if mask is None else energy_inside(gradcam, mask),
        mask_share=None if mask is None else float(mask.mean()),
        shortcut_energy_cam=None if shortcut is None else energy_inside(cam, shortcut),
        shortcut_energy_gradcam=None if shortcut is None else energy_inside(gradcam, shortcut),
        shortcut_share=None if shortcut is None else float(shortcut.mean()),
    )


def _flat(values: np.ndarray) -> bool:
    """Constant up to float32 rounding, or not finite: no correlation is defined."""
    if not np.isfinite(values).all():
        return True
    return bool(np.ptp(values) <= 4 * np.finfo(np.float32).eps * np.abs(values).max())


def _top_membership(values: np.ndarray, k: int) -> np.ndarray:
    """How far each cell belongs to the k hottest, 0..1, summing to k."""
    flat = np.ravel(values)
    edge = np.sort(flat)[-k]
    above, tied = flat > edge, flat == edge
    return above + tied * ((k - above.sum()) / tied.sum())


def _cell_overlap(pixels: int, cells: int) -> np.ndarray:
    """(cells, pixels): the part of each cell's length that each pixel fills; rows sum to 1."""
    edges = np.linspace(0, pixels, cells + 1)
    left, right = np.arange(pixels), np.arange(1, pixels + 1)
    overlap = np.minimum(edges[1:, None], right) - np.maximum(edges[:-1, None], left)
    return np.clip(overlap, 0, None) * (cells / pixels)
