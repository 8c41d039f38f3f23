from __future__ import annotations

import numpy as np
import pytest

from dashboard.figures.options import LayerViewOptions
from dashboard.figures.score_grid import MOST_CELLS, score_grid_figure

GREY = np.full((20, 30, 3), 128, np.uint8)


def test_the_score_grid_writes_every_number_where_it_belongs():
    maps = [np.array([[1.0, -20.0], [0.0, 3.14]]), np.zeros((2, 2))]
    figure = score_grid_figure(GREY, ["dog", "cat"], maps, LayerViewOptions(smooth=False))
    grid, numbers, *_ = figure.data
    np.testing.assert_allclose(grid.z, maps[0])
    assert (grid.zmin, grid.zmax) == (figure.data[2].zmin, figure.data[2].zmax) == (-20, 20)
    assert list(numbers.text) == ["1.0", "-20.0", "0.0", "3.1"]
    assert list(numbers.x) == [7.5, 22.5, 7.5, 22.5]
    assert list(numbers.y) == [5, 5, 15, 15]
    assert numbers.textfont.color[1] == "white"  # the darkest blue
    assert len(score_grid_figure(GREY, ["dog"], [np.zeros((28, 28))], LayerViewOptions()).data) == 1


@pytest.mark.parametrize(("side", "numbers"), [(MOST_CELLS, 1), (MOST_CELLS + 1, 0)])
def test_numbers_that_would_overlap_are_left_out(side, numbers):
    figure = score_grid_figure(GREY, ["dog"], [np.ones((side, side))], LayerViewOptions())
    assert sum(trace.type == "scatter" for trace in figure.data) == numbers


def test_each_number_contrasts_with_the_photo_under_it():
    photo = np.zeros((20, 20, 3), np.uint8)
    photo[:10] = 255
    figure = score_grid_figure(photo, ["dog"], [np.array([[1.0], [-1.0]])], LayerViewOptions(opacity=0.0))
    assert list(figure.data[1].textfont.color) == ["black", "white"]


def test_every_class_has_its_title_and_its_panel():
    figure = score_grid_figure(GREY, ["dog", "cat"], [np.ones((2, 2))] * 2, LayerViewOptions(width=900))
    assert [note.text for note in figure.layout.annotations] == ["<b>dog</b>", "<b>cat</b>"]
    assert [(trace.type, trace.xaxis) for trace in figure.data] == [
        ("heatmap", "x"),
        ("scatter", "x"),
        ("heatmap", "x2"),
        ("scatter", "x2"),
    ]
