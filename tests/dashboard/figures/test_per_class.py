from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.figures.per_class import per_class_chart
from tests.dashboard.figures.reading import marks, order


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
    assert order(chart, "y") == ["boxer", "beagle", "pug"]
    dots = {(dot.channels["y"], dot.row["measure"]): dot for dot in marks(chart, "point")}
    assert {place: dot.channels["x"] for place, dot in dots.items()} == {
        ("pug", "Precision"): 0.9,
        ("pug", "Recall"): 0.8,
        ("boxer", "Recall"): 0.0,
        ("beagle", "Precision"): 0.5,
        ("beagle", "Recall"): 0.6,
    }
    precision, recall = dots["pug", "Precision"].channels, dots["pug", "Recall"].channels
    assert precision["color"] != recall["color"]
    assert precision["shape"] != recall["shape"]  # for readers who see no colours
    assert dots["pug", "Recall"].tooltip == {
        "Class": "pug",
        "Measure": "Recall",
        "Value": "80.0%",
        "Images of the class": "10",
    }
