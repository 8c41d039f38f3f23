"""95 % intervals for the numbers of a whole validation set."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

LEVEL = 0.95


def mean_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return (mean, low, high) of independent values (N,): Student's t; nan bounds for fewer than two."""
    count = len(values)
    if count == 0:
        return math.nan, math.nan, math.nan
    mean = float(np.mean(values))
    if count == 1:
        return mean, math.nan, math.nan
    half = float(stats.t.ppf((1 + LEVEL) / 2, count - 1) * np.std(values, ddof=1) / math.sqrt(count))
    return mean, mean - half, mean + half


def clustered_half_widths(
    sums: np.ndarray, counts: np.ndarray, group: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (mean, half width, number of clusters), each (G,), of values that come in clusters.

    A word's occurrences in one review are not independent, so the review is the unit. The mean over all
    occurrences is a ratio of two sums over reviews, m = sum_r s_r / sum_r n_r, and its variance by
    linearisation is R / (R - 1) * sum_r (s_r - m n_r)^2 / N^2 (Cochran, *Sampling Techniques*, 1977, eq. 6.13,
    without its correction for a finite population); the half width is Student's t with R - 1 degrees of freedom
    times its root. nan where there is one review only.

    sums, counts : (P,), sum and number of a group's values in one cluster, one entry a (group, cluster) pair.
    group : (P,) int, the group of each pair, 0 .. groups - 1.
    """
    clusters = np.bincount(group, minlength=groups)
    total = np.bincount(group, weights=counts, minlength=groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(group, weights=sums, minlength=groups) / total
        squares = np.bincount(group, weights=(sums - mean[group] * counts) ** 2, minlength=groups)
        variance = clusters / (clusters - 1) * squares / total**2
        half = stats.t.ppf((1 + LEVEL) / 2, clusters - 1) * np.sqrt(variance)
    return mean, np.where(clusters > 1, half, np.nan), clusters


def share_interval(hits: int, count: int) -> tuple[float, float]:
    """Return (low, high) of a share hits / count: Wilson's score interval (1927); nan for a count of 0."""
    if count == 0:
        return math.nan, math.nan
    interval = stats.binomtest(hits, count).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def rank_correlation_interval(correlation: float, count: int) -> tuple[float, float]:
    """Return (low, high) of Spearman's correlation of `count` pairs; nan for fewer than five.

    By Fisher's z with the standard error of Bonett and Wright, *Psychometrika* 65 (2000), p. 24:
    sqrt((1 + r^2 / 2) / (n - 3)).
    """
    if count < 5 or not math.isfinite(correlation):
        return math.nan, math.nan
    z = math.atanh(max(-1 + 1e-12, min(1 - 1e-12, correlation)))
    half = float(stats.norm.ppf((1 + LEVEL) / 2)) * math.sqrt((1 + correlation**2 / 2) / (count - 3))
    return math.tanh(z - half), math.tanh(z + half)
