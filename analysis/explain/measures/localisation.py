"""Where a map is large: its peak, and how much of it lies inside a mask."""

from __future__ import annotations

import math

import numpy as np

from analysis.explain.measures.base import Metric


def peak(values: np.ndarray) -> tuple[int, int]:
    """Return (row, column) of the largest value, the first in reading order where several tie."""
    row, column = np.unravel_index(int(np.argmax(values)), values.shape)
    return int(row), int(column)


def area_average(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the share of each cell of an h x w grid that a (H, W) mask covers, float64 (h, w), for any sizes."""
    rows, columns = _cell_overlap(mask.shape[0], height), _cell_overlap(mask.shape[1], width)
    return rows @ mask.astype(np.float64) @ columns.T


def energy_inside(values: np.ndarray, mask: np.ndarray) -> float:
    """Return the share of the map's positive part inside a (H, W) mask, 0..1; nan where it has none.

    The mask is averaged over each cell of the map, so a cell that is half covered counts half.
    """
    positive = np.maximum(values.astype(np.float64), 0)
    total = positive.sum()
    if not np.isfinite(total) or total <= 0:
        return math.nan
    return float((positive * area_average(mask, *values.shape)).sum() / total)


def _cell_overlap(pixels: int, cells: int) -> np.ndarray:
    """Return (cells, pixels): the share of each cell's length that each pixel fills; each row sums to 1."""
    edges = np.linspace(0, pixels, cells + 1)
    left, right = np.arange(pixels), np.arange(1, pixels + 1)
    overlap = np.minimum(edges[1:, None], right) - np.maximum(edges[:-1, None], left)
    return np.clip(overlap, 0, None) * (cells / pixels)


MASS = Metric(
    "mass",
    "Positive energy",
    frozenset({"map", "mask"}),
    energy_inside,
    source="Arras et al. 2022 (relevance mass accuracy), Wang et al. 2020 (energy-based pointing game)",
    formula=r"\frac{\sum_i a^+_i m_i}{\sum_i a^+_i}",
    about="The share of the map's positive values that lies inside the marked region.",
    chance=lambda mask: float(mask.mean()),
)
