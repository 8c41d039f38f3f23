from __future__ import annotations

import numpy as np
import pandas as pd
from figures.vega import orders, rows

from dashboard.figures.per_class import per_class_chart


def test_the_worst_recall_stands_on_top_and_undefined_precision_has_no_dot():
    table = pd.DataFrame(
        {
            "class": ["pug", "boxer", "beagle"],
            "precision": [0.9, np.nan, 0.5],
            "recall": [0.8, 0.0, 0.6],
            "support": [10, 12, 9],
        }
    )
    chart = per_class_chart(table)
    assert orders(chart, "y")
    assert all(order == ["boxer", "beagle", "pug"] for order in orders(chart, "y"))
    assert len(rows(chart)) == 5
    assert {row["measure"] for row in rows(chart) if row["class"] == "boxer"} == {"Recall"}
