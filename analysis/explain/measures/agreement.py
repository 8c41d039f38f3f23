"""How far two maps of the same layer agree."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from analysis.explain.measures.base import Metric

TOP_SHARE = 0.2


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Pearson's correlation over the cells; nan where either map is constant or not finite."""
    if _flat(first) or _flat(second):
        return math.nan
    return float(np.corrcoef(np.ravel(first).astype(np.float64), np.ravel(second).astype(np.float64))[0, 1])


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's correlation over the cells (ties share their mean rank); nan where a map is constant."""
    if _flat(first) or _flat(second):
        return math.nan
    return float(stats.spearmanr(np.ravel(first), np.ravel(second)).statistic)


def overlap_top(first: np.ndarray, second: np.ndarray, share: float = TOP_SHARE) -> float:
    """Return how far the top `share` of the cells of two maps overlaps, 0..1; nan where either map is constant.

    The top set has k = ceil(share * cells) cells. Cells that tie for its last places belong to it in equal parts,
    so the number depends neither on their order nor on which map comes first.
    """
    if _flat(first) or _flat(second):
        return math.nan
    k = math.ceil(share * np.size(first))
    return float(np.minimum(_top_membership(first, k), _top_membership(second, k)).sum() / k)


def _flat(values: np.ndarray) -> bool:
    """Return whether values are constant up to float32 rounding, or not finite, so no correlation is defined."""
    if not np.isfinite(values).all():
        return True
    return bool(np.ptp(values) <= 4 * np.finfo(np.float32).eps * np.abs(values).max())


def _top_membership(values: np.ndarray, k: int) -> np.ndarray:
    """Return how far each cell belongs to the k largest, 0..1, summing to k."""
    flat = np.ravel(values)
    edge = np.sort(flat)[-k]
    above, tied = flat > edge, flat == edge
    return above + tied * ((k - above.sum()) / tied.sum())


CORRELATION = Metric(
    "correlation",
    "Correlation",
    frozenset({"map", "reference"}),
    correlation,
    source="Pearson 1895",
    formula=r"\frac{\sum_i (a_i-\bar a)(b_i-\bar b)}{\sqrt{\sum_i (a_i-\bar a)^2 \sum_i (b_i-\bar b)^2}}",
    about="How far the two maps rise and fall together, cell by cell; large values count most.",
    low=-1.0,
    chance=lambda reference: 0.0,
)
RANK_CORRELATION = Metric(
    "rank_correlation",
    "Rank correlation",
    frozenset({"map", "reference"}),
    rank_correlation,
    source="Spearman 1904",
    formula=r"\mathrm{corr}(\mathrm{rank}\,a, \mathrm{rank}\,b)",
    about="How far the two maps put the cells in the same order; the size of the values does not count.",
    low=-1.0,
    chance=lambda reference: 0.0,
)
OVERLAP = Metric(
    "overlap_top20",
    "Overlap of the hottest 20 %",
    frozenset({"map", "reference"}),
    overlap_top,
    source="Ghorbani et al. 2019 (top-k intersection)",
    formula=r"\frac{|T_k(a) \cap T_k(b)|}{k}, \qquad k = \lceil 0.2\,hw \rceil",
    about="The part of the hottest fifth of the cells that the two maps share.",
    chance=lambda reference: TOP_SHARE,
)
