"""Numbers that compare two maps, against counts by hand and scipy's definitions."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from analysis.explain.measures.agreement import correlation, overlap_top, rank_correlation

RNG = np.random.default_rng(0)


def test_correlations() -> None:
    a, b = RNG.normal(size=(2, 5, 4)).astype(np.float32)
    assert correlation(a, b) == pytest.approx(stats.pearsonr(a.ravel(), b.ravel()).statistic, abs=1e-6)
    assert correlation(a, 3 * a - 2) == pytest.approx(1)
    assert rank_correlation(a, np.exp(a)) == pytest.approx(1)
    assert rank_correlation(a, -a) == pytest.approx(-1)
    tied = np.array([[1, 2, 2, 3]]), np.array([[1, 3, 2, 4]])
    assert rank_correlation(*tied) == pytest.approx(np.corrcoef([1, 2.5, 2.5, 4], [1, 3, 2, 4])[0, 1])


@pytest.mark.parametrize("constant", [np.zeros((3, 3)), np.full((3, 3), 0.1), np.full((3, 3), np.nan)])
def test_a_constant_map_has_no_correlation_and_no_warning(constant: np.ndarray) -> None:
    other = RNG.normal(size=(3, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for measure in (correlation, rank_correlation, overlap_top):
            assert math.isnan(measure(constant, other))
            assert math.isnan(measure(other, constant))


def test_overlap_counts_the_shared_cells_of_the_hottest_fifth() -> None:
    a = np.arange(20).reshape(4, 5)  # hottest: 16 17 18 19
    b = a.copy()
    b.flat[[19, 0]] = b.flat[[0, 19]]  # hottest: cells 0 16 17 18
    assert overlap_top(a, a) == 1
    assert overlap_top(a, b) == 0.75
    assert overlap_top(a, -a) == 0
    assert overlap_top(np.arange(7)[None], np.arange(7)[None] % 6) == 0.5  # k = ceil(1.4) = 2: {5 6} and {4 5}


def test_cells_that_tie_at_the_edge_share_the_places_left() -> None:
    a = np.array([[9, 1, 1, 1, 0, 0, 0, 0, 0, 0]])  # k = 2: the 9, and a third of each 1
    b = np.array([[9, 8, 0, 0, 0, 0, 0, 0, 0, 0]])
    assert overlap_top(a, b) == pytest.approx((1 + 1 / 3) / 2)
    assert overlap_top(b, a) == overlap_top(a, b)
    assert overlap_top(a[:, ::-1], b[:, ::-1]) == pytest.approx(overlap_top(a, b))
