from __future__ import annotations

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from dashboard.figures.grid import MARGIN, fitting_grid
from dashboard.figures.layers import layers_figure
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.outlines import add_outlines, room_below
from dashboard.figures.picture import outline


def test_outlines_are_drawn_on_both_panels_and_switched_in_the_legend(report):
    figure = layers_figure(report, LayerViewOptions(animal_outline=True))
    lines = [trace for trace in figure.data if trace.type == "scatter"]
    animal = [line for line in lines if line.legendgroup == "animal"]
    assert {line.xaxis for line in animal} == {"x", "x2"}
    assert {line.visible for line in animal} == {True}
    assert {line.visible for line in lines if line.legendgroup == "shortcut"} == {"legendonly"}
    assert [line.name for line in lines if line.showlegend] == ["Outline of the animal", "Outline of the shortcut"]


def test_without_masks_there_are_no_outlines(report):
    bare = replace(report, mask=None, shortcut=np.zeros((224, 224), bool))
    options = LayerViewOptions(animal_outline=True, shortcut_outline=True)
    assert all(trace.type == "heatmap" for trace in layers_figure(bare, options).data)


def test_the_lines_run_around_the_mask_in_pixels_of_the_picture(report):
    figure = go.Figure()
    add_outlines(figure, report, fitting_grid(1, 400, 200), LayerViewOptions())
    for name, mask in (("animal", report.mask), ("shortcut", report.shortcut)):
        x, y = outline(mask)
        lines = [line for line in figure.data if line.legendgroup == name]
        assert len(lines) == 2  # black under the colour
        for line in lines:
            np.testing.assert_array_equal(line.x, x)
            np.testing.assert_array_equal(line.y, y)
        assert lines[0].line.color == "black"
        assert lines[0].line.width > lines[1].line.width
    colours = {line.legendgroup: line.line.color for line in figure.data if line.showlegend}
    assert len(set(colours.values())) == 2


@pytest.mark.parametrize("missing", [None, np.zeros((224, 224), bool)])
def test_the_legend_has_room_only_where_there_is_an_outline(report, missing):
    assert room_below(report) > MARGIN
    assert room_below(replace(report, mask=missing)) > MARGIN
    assert room_below(replace(report, shortcut=missing)) > MARGIN
    assert room_below(replace(report, mask=missing, shortcut=missing)) == MARGIN
