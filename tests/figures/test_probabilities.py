from __future__ import annotations

import numpy as np
from figures.vega import legend

from dashboard.figures.probabilities import probabilities_chart, probability_rows


def test_bars_are_sorted_and_know_their_role():
    table = probability_rows(["dog", "cat"], [0.2, 0.8], label="dog", predicted="cat")
    assert table["class"].tolist() == ["cat", "dog"]
    assert table["role"].tolist() == ["predicted", "true class"]
    assert probability_rows(["dog", "cat"], [0.2, 0.8], "cat", "cat")["role"][0] == "true and predicted"
    assert probability_rows(["dog", "cat"], [0.2, 0.8], None, "cat")["role"].tolist() == ["predicted", "other"]


def test_the_true_class_is_shown_however_unlikely():
    names = [f"breed {index}" for index in range(37)]
    probabilities = np.linspace(1, 0, 37)
    table = probability_rows(names, probabilities, label="breed 36", predicted="breed 0")
    assert len(table) == 10
    assert table["class"].tolist() == [f"breed {index}" for index in range(9)] + ["breed 36"]


def test_the_legend_names_only_the_roles_that_are_there():
    colours = legend(probabilities_chart(["dog", "cat"], [0.2, 0.8], "cat", "cat"))
    assert list(colours) == ["true and predicted", "other"]
    assert len(set(colours.values())) == 2
