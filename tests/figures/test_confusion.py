from __future__ import annotations

import numpy as np
import pytest
from figures.vega import channels, fields, orders, selected

from dashboard.figures.confusion import CELL, confusion_cells, confusion_chart

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


@pytest.mark.parametrize("classes", [2, 37])
def test_the_chart_names_every_class_and_can_be_clicked(classes):
    names = [f"breed_with_a_long_name_{index}" for index in range(classes)]
    chart = confusion_chart(np.eye(classes, dtype=int) * 5, names)
    assert selected(chart) == {CELL: ["true", "predicted"]}
    for channel in ("x", "y"):
        assert orders(chart, channel)
        assert all(order == names for order in orders(chart, channel))
        # Vega leaves out labels that would overlap unless it is told not to
        assert all(one["axis"]["labelOverlap"] is False for one in channels(chart, channel) if "axis" in one)
    assert fields(chart, "text") == {"count"}


def test_a_matrix_of_another_size_is_refused():
    with pytest.raises(ValueError, match="3 classes must be 3 x 3"):
        confusion_cells(MATRIX, ["a", "b", "c"])
