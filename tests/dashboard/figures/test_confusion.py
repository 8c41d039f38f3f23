from __future__ import annotations

import numpy as np
import pytest

from dashboard.figures.confusion import CELL, confusion_cells, confusion_chart
from dashboard.figures.palette import INKS
from tests.dashboard.figures.contrast import contrast, rgb
from tests.dashboard.figures.reading import clicked_fields, marks, order

MATRIX = np.array([[90, 10], [2, 8]])


def cell(table, true: str, predicted: str):
    return table[(table["true"] == true) & (table["predicted"] == predicted)].iloc[0]


def test_cells_hold_counts_and_shares_of_the_true_class():
    table = confusion_cells(MATRIX, ["dog", "cat"])
    assert cell(table, "dog", "cat")["count"] == 10
    assert cell(table, "dog", "cat")["share"] == pytest.approx(0.1)
    assert cell(table, "cat", "dog")["share"] == pytest.approx(0.2)
    assert cell(table, "cat", "cat")["share"] == pytest.approx(0.8)


def test_the_shade_parts_right_from_wrong_and_worse_from_bad():
    table = confusion_cells(MATRIX, ["dog", "cat"])
    assert cell(table, "dog", "dog")["shade"] > cell(table, "cat", "cat")["shade"] > 0
    assert cell(table, "cat", "dog")["shade"] == pytest.approx(-1)  # the larger share of its row
    assert -1 < cell(table, "dog", "cat")["shade"] < 0


def test_a_single_error_among_hundreds_is_seen_and_an_empty_cell_is_not():
    matrix = np.diag([500, 500, 0])
    matrix[0, 1], matrix[1, 2] = 1, 400
    table = confusion_cells(matrix, ["a", "b", "c"])
    assert cell(table, "a", "b")["shade"] < -0.15
    assert cell(table, "b", "a")["shade"] == 0
    assert not table["share"].isna().any()  # class c has no images


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_chart_writes_each_count_in_its_cell_and_colours_right_and_wrong(theme):
    chart = confusion_chart(MATRIX, ["dog", "cat"], theme)
    texts = {(mark.channels["y"], mark.channels["x"]): mark.channels["text"] for mark in marks(chart, "text")}
    assert texts == {("dog", "dog"): 90, ("dog", "cat"): 10, ("cat", "dog"): 2, ("cat", "cat"): 8}
    cells = {(mark.channels["y"], mark.channels["x"]): mark for mark in marks(chart, "rect")}
    for place, mark in cells.items():
        red, _, blue = (int(mark.channels["color"][at : at + 2], 16) for at in (1, 3, 5))
        assert (blue > red) is (place[0] == place[1])
    assert cells["cat", "dog"].tooltip == {
        "True class": "cat",
        "Predicted class": "dog",
        "Images": "2",
        "Share of the true class": "20.0%",
    }


def test_a_number_on_a_strong_colour_is_inverted():
    chart = confusion_chart(np.array([[90, 10], [60, 40]]), ["dog", "cat"])
    colours = {text.channels["text"]: text.channels["color"] for text in marks(chart, "text")}
    cells = {cell.row["count"]: cell.channels["color"] for cell in marks(chart, "rect")}
    assert colours[90] == "white"
    assert colours[10] == INKS["light"].text
    assert contrast(rgb(cells[90]), rgb("#ffffff")) > 4.5
    assert contrast(rgb(cells[10]), rgb(colours[10])) > 4.5


@pytest.mark.parametrize(("classes", "numbers"), [(2, 4), (37, 37)])
def test_the_chart_names_every_class_and_can_be_clicked(classes, numbers):
    names = [f"breed_with_a_long_name_{index}" for index in range(classes)]
    chart = confusion_chart(np.eye(classes, dtype=int) * 5, names)
    assert clicked_fields(chart) == {CELL: ["true", "predicted"]}
    assert order(chart, "x") == order(chart, "y") == names
    assert len(marks(chart, "rect")) == classes**2
    assert len(marks(chart, "text")) == numbers  # a large matrix writes no zeros
    for encoding in (layer["encoding"] for layer in chart.to_dict()["layer"]):
        for channel in ("x", "y"):  # Vega hides names that it finds too close
            assert encoding[channel]["axis"]["labelOverlap"] is False
        # names of many classes would overlap if they were not turned
        assert encoding["x"]["axis"]["labelAngle"] == (0 if classes == 2 else -90)


def test_a_matrix_of_another_size_is_refused():
    with pytest.raises(ValueError, match="3 classes must be 3 x 3"):
        confusion_cells(MATRIX, ["a", "b", "c"])
