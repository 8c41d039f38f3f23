from __future__ import annotations

import numpy as np
import pytest

from dashboard.figures.palette import INKS
from dashboard.figures.probabilities import probabilities_chart, probability_rows
from tests.dashboard.figures.reading import marks, order


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
    assert order(probabilities_chart(["dog", "cat"], [0.2, 0.8], "cat", "cat"), "color") == [
        "true and predicted",
        "other",
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_bars_show_value_and_role_and_a_wrong_prediction_has_a_colour_of_its_own(theme):
    chart = probabilities_chart(["dog", "cat", "fox"], [0.2, 0.75, 0.05], "dog", "cat", theme)
    assert order(chart, "y") == ["cat", "dog", "fox"]
    assert [(bar.channels["y"], bar.channels["x"]) for bar in marks(chart, "bar")] == [
        ("cat", 0.75),
        ("dog", 0.2),
        ("fox", 0.05),
    ]
    assert [text.channels["text"] for text in marks(chart, "text")] == ["75.0%", "20.0%", "5.0%"]
    colours = {bar.row["role"]: bar.channels["color"] for bar in marks(chart, "bar")}
    assert colours == {"predicted": INKS[theme].bad, "true class": INKS[theme].good, "other": INKS[theme].faint}
    right = probabilities_chart(["dog", "cat"], [0.2, 0.8], "cat", "cat", theme)
    assert marks(right, "bar")[0].channels["color"] == INKS[theme].good
