"""The charts of the Ablation page show the numbers they are given."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from dashboard.figures.recipe import pair_chart, spread_of_correlations


def rows_of(chart) -> list[list[dict]]:
    return list(chart.to_dict()["datasets"].values())


def test_pairs_are_on_both_sides_of_the_diagonal():
    (rows,) = rows_of(
        pair_chart(
            ["x", "y", "z"],
            [("raises", math.nan), ("silent", 0.5), ("silent", math.nan)],
            {(0, 1): ("raises", math.nan), (1, 2): ("harmless", 1.0)},
        )
    )
    cells = {(row["first"], row["second"]): (row["outcome"], row["text"]) for row in rows}
    assert cells["x", "x"] == cells["x", "y"] == cells["y", "x"] == ("raises", "error")
    assert cells["y", "y"] == ("silent", "0.50")
    assert cells["z", "z"] == ("silent", "flat")
    assert cells["z", "y"] == cells["y", "z"] == ("harmless", "1.00")
    assert ("x", "z") not in cells


def test_the_set_has_its_bins_and_a_change_that_always_raises_an_empty_line():
    counts = pd.DataFrame(
        {"change": "x", "low": [0.0, 0.5], "high": [0.5, 1.0], "pictures": [1, 3], "share": [0.25, 0.75]}
    )
    medians = pd.DataFrame({"change": ["x", "y"], "median": [0.8, np.nan]})
    chart = spread_of_correlations(counts, medians, ["x", "y"])
    bars, points = rows_of(chart)
    assert [row["pictures"] for row in bars] == [1, 3]
    assert points == [{"change": "x", "median": 0.8}]
    assert chart.to_dict()["layer"][0]["encoding"]["y"]["scale"]["domain"] == ["x", "y"]
