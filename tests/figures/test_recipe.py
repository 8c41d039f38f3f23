from __future__ import annotations

import math

import numpy as np
import pandas as pd
from figures.reading import marks, order

from dashboard.figures.recipe import pair_chart, spread_of_correlations


def test_pairs_stand_on_both_sides_of_the_diagonal():
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


def test_the_set_has_a_tick_a_picture_and_an_empty_line_where_all_raise():
    table = pd.DataFrame({"path": ["p", "q", "p"], "change": ["x", "x", "y"], "correlation": [0.1, 0.9, np.nan]})
    chart = spread_of_correlations(table, ["x", "y"])
    assert [tick.channels["x"] for tick in marks(chart, "tick")] == [0.1, 0.9]
    assert [(point.channels["y"], point.channels["x"]) for point in marks(chart, "point")] == [("x", 0.5)]
    assert order(chart, "y") == ["x", "y"]
