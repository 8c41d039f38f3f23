"""Intervals against their formulas, and against what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.words.intervals import (
    clustered_half_widths,
    mean_interval,
    rank_correlation_interval,
    share_interval,
)


def test_the_mean_of_independent_values_has_students_interval() -> None:
    values = np.array([1.0, 2, 4, 9])
    known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values) == (4, pytest.approx(known.low), pytest.approx(known.high))
    assert mean_interval(np.array([3.0]))[0] == 3
    assert all(map(math.isnan, mean_interval(np.array([3.0]))[1:] + mean_interval(np.array([]))))


def test_clusters_of_one_give_students_interval() -> None:
    values = np.array([1.0, 2, 4, 9])
    mean, half, count = clustered_half_widths(values, np.ones(4), np.zeros(4, dtype=int), 2)
    _, low, _ = mean_interval(values)
    assert (mean[0], count[0]) == (4, 4)
    assert mean[0] - half[0] == pytest.approx(low)
    assert math.isnan(mean[1])
    assert math.isnan(half[1])


def test_copies_within_a_cluster_do_not_make_it_surer() -> None:
    values = np.array([1.0, 2, 4, 9])
    _, once, _ = clustered_half_widths(values, np.ones(4), np.zeros(4, dtype=int), 1)
    _, tenfold, _ = clustered_half_widths(values * 10, np.full(4, 10.0), np.zeros(4, dtype=int), 1)
    assert tenfold[0] == pytest.approx(once[0])


def test_it_holds_the_truth_as_often_as_it_says() -> None:
    """600 sets of 25 clusters of 1 to 4 values that share their cluster's own shift."""
    rng = np.random.default_rng(1)
    held = naive = 0
    for _ in range(600):
        counts = rng.integers(1, 5, 25)
        shift = np.repeat(rng.normal(size=25), counts)
        values = 2 + shift + 0.2 * rng.normal(size=counts.sum())
        sums = np.bincount(np.repeat(np.arange(25), counts), weights=values)
        mean, half, _ = clustered_half_widths(sums, counts.astype(float), np.zeros(25, dtype=int), 1)
        held += abs(mean[0] - 2) < half[0]
        _, low, high = mean_interval(values)
        naive += low < 2 < high
    assert 0.92 < held / 600 < 0.975
    assert naive / 600 < 0.85


def test_shares_have_wilsons_interval() -> None:
    # Wilson 1927, by hand: (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)
    z, p, n = 1.959964, 0.9, 10
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert share_interval(9, 10) == (
        pytest.approx((middle - half) / (1 + z * z / n), abs=1e-6),
        pytest.approx((middle + half) / (1 + z * z / n), abs=1e-6),
    )
    assert all(map(math.isnan, share_interval(0, 0)))


def test_rank_correlations_have_bonetts_and_wrights_interval() -> None:
    error = 1.959964 * math.sqrt((1 + 0.6**2 / 2) / 97)
    low, high = rank_correlation_interval(0.6, 100)
    assert (math.atanh(low), math.atanh(high)) == (
        pytest.approx(math.atanh(0.6) - error, abs=1e-6),
        pytest.approx(math.atanh(0.6) + error, abs=1e-6),
    )
    assert rank_correlation_interval(1.0, 9)[1] == pytest.approx(1)
    assert math.isnan(rank_correlation_interval(0.5, 4)[0])
    assert math.isnan(rank_correlation_interval(math.nan, 40)[0])
