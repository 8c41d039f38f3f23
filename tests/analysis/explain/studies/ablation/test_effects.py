"""What counts as harmless, as silently another map and as an error."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.explain.studies.ablation.effects import effects
from analysis.explain.studies.ablation.runner import AblatedMap
from analysis.explain.studies.ablation.steps import STANDARD, Choices


def test_what_counts_as_harmless_silent_and_raising():
    standard = np.add.outer(np.arange(8.0), np.arange(8.0))
    grid = np.zeros((2, 2))
    upside_down = standard[::-1]
    maps = {
        STANDARD: AblatedMap(grid, standard),
        Choices(pool="sum"): AblatedMap(grid, 3 * standard + 1),
        Choices(cls="other"): AblatedMap(grid, upside_down),
        Choices(score="probability"): AblatedMap(grid, np.zeros((8, 8))),
        Choices(keepdim=False): AblatedMap(None, None, "RuntimeError: no"),
    }
    scaled, turned, flat, failed = effects(maps, list(maps)[1:])
    assert (scaled.outcome, scaled.moved, scaled.distance) == ("harmless", False, 0)
    assert (turned.outcome, turned.moved) == ("silent", True)
    assert turned.correlation == pytest.approx(np.corrcoef(standard.ravel(), upside_down.ravel())[0, 1], abs=1e-6)
    assert turned.distance == pytest.approx(7 / math.hypot(8, 8))
    assert (flat.outcome, flat.moved) == ("silent", None)
    assert math.isnan(flat.correlation)
    assert (failed.outcome, failed.error) == ("raises", "RuntimeError: no")


def test_a_map_with_the_same_hottest_cell_is_harmless_only_where_it_is_the_same_map():
    standard = np.zeros((4, 8))
    standard[0, 1], standard[3, 7] = 2.0, 1.0
    another, shifted = (
        standard.copy(),
        np.roll(standard, 3, axis=1),
    )  # the peak goes from column 1 to 4, the row stays
    another[3, 0] = 1.0
    maps = {
        STANDARD: AblatedMap(np.zeros((2, 4)), standard),
        Choices(relu=True): AblatedMap(np.zeros((2, 4)), another),
        Choices(pool="max"): AblatedMap(np.zeros((2, 4)), shifted),
    }
    other, moved = effects(maps, list(maps)[1:])
    assert (other.outcome, other.moved) == ("silent", False)
    assert other.correlation == pytest.approx(np.corrcoef(standard.ravel(), another.ravel())[0, 1])
    assert moved.moved
    assert moved.distance == pytest.approx(3 / math.hypot(4, 8))
