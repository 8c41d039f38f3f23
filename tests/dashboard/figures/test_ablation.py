"""The charts of the Ablation page show the numbers they are given."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from dashboard.figures.ablation import pair_chart, spread_of_correlations
from tests.dashboard.figures.reading import marks, order


def test_pairs_are_on_both_sides_of_the_diagonal():
    chart = pair_chart(
        ["x", "y", "z"],
        [("raises", math.nan), ("silent", 0.5), ("silent", math.nan)],
        {(0, 1): ("raises", math.nan), (1, 2): ("harmless", 1.0)},
    )
    cells = {
        (cell.channels["x"], cell.channels["y"]): (cell.row["outcome"], cell.channels["text"])
        for cell in marks(chart, "text")
    }
    assert cells["x", "x"] == cells["x", "y"] == cells["y", "x"] == ("raises", "error")
    assert cells["y", "y"] == ("silent", "0.50")
    assert cells["z", "z"] == ("silent", "flat")
    assert cells["z", "y"] == cells["y", "z"] == ("harmless", "1.00")
    assert ("x", "z") not in cells
    assert len({cell.channels["color"] for cell in marks(chart, "rect")}) == 3


def test_the_set_has_its_bins_and_a_change_that_always_raises_an_empty_line():
    counts = pd.DataFrame(
        {"change": "x", "low": [0.0, 0.5], "high": [0.5, 1.0], "pictures": [1, 3], "share": [0.25, 0.75]}
    )
    medians = pd.DataFrame({"change": ["x", "y"], "median": [0.8, np.nan]})
    chart = spread_of_correlations(counts, medians, ["x", "y"])
    few, many = marks(chart, "bar")
    assert (few.channels["x"], few.channels["x2"], few.tooltip["Pictures"]) == (0, 0.5, "1")
    assert (many.channels["x"], many.channels["x2"], many.tooltip["Pictures"]) == (0.5, 1, "3")
    assert few.channels["opacity"] == pytest.approx(0.15 + 0.85 * 0.5)  # the root of its share
    assert few.channels["opacity"] < many.channels["opacity"]
    assert [(point.channels["y"], point.channels["x"]) for point in marks(chart, "point")] == [("x", 0.8)]
    assert order(chart, "y") == ["x", "y"]
