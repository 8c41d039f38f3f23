"""Where a map is large, against counts by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.explain.measures.localisation import area_average, energy_inside, peak

RNG = np.random.default_rng(0)


def test_peak_is_row_then_column_and_the_first_of_equals() -> None:
    values = np.zeros((3, 4))
    values[1, 3] = values[2, 0] = 5
    assert peak(values) == (1, 3)


def test_area_average_is_exact_also_where_cells_cut_pixels() -> None:
    mask = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 1]], dtype=bool)
    expected = np.array([[1, 0], [0, 1]]) / 2.25  # a cell is 1.5 x 1.5 pixels
    np.testing.assert_allclose(area_average(mask, 2, 2), expected)
    big = RNG.random((224, 192)) > 0.7
    np.testing.assert_allclose(area_average(big, 7, 6), big.reshape(7, 32, 6, 32).mean((1, 3)))
    assert area_average(big, 5, 9).mean() == pytest.approx(big.mean())
    np.testing.assert_allclose(area_average(mask, 6, 6), np.kron(mask, np.ones((2, 2))))


def test_energy_counts_only_the_positive_part() -> None:
    mask = np.zeros((4, 4), dtype=bool)
    mask[:2, :2] = True  # the upper left cell of a 2 x 2 map
    mask[0, 2:] = True  # half of the upper right one
    values = np.array([[3.0, 2.0], [-50.0, 5.0]])
    assert energy_inside(values, mask) == pytest.approx((3 + 2 / 2) / 10)
    assert math.isnan(energy_inside(-np.abs(values), mask))
    assert energy_inside(np.ones((2, 2)), mask) == pytest.approx(mask.mean())
