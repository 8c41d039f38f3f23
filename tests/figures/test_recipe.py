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


def test_each_picture_has_a_tick_and_a_change_that_always_raises_an_empty_line():
    table = pd.DataFrame({"path": ["p", "q", "p"], "change": ["x", "x", "y"], "correlation": [0.1, 0.9, np.nan]})
    chart = spread_of_correlations(table, ["x", "y"])
    (rows,) = rows_of(chart)
    assert [row["correlation"] for row in rows] == [0.1, 0.9]
    assert chart.to_dict()["layer"][0]["encoding"]["y"]["scale"]["domain"] == ["x", "y"]
