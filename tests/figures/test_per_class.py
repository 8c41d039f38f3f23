from __future__ import annotations

import numpy as np
import pandas as pd

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
    spec = per_class_chart(table).to_dict()
    dots = spec["layer"][1]
    assert dots["encoding"]["y"]["sort"] == ["boxer", "beagle", "pug"]
    (rows,) = spec["datasets"].values()
    assert len(rows) == 5
    assert {row["measure"] for row in rows if row["class"] == "boxer"} == {"Recall"}
