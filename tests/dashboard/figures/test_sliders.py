from __future__ import annotations

import pytest

from dashboard.figures.grid import fitting_grid
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.sliders import (
    BESIDE_WIDTH,
    height_above,
    layer_name,
    layer_slider,
    opacity_name,
    opacity_slider,
    step_labels,
)

OPTIONS = LayerViewOptions()
WIDE, NARROW = fitting_grid(2, BESIDE_WIDTH, 250), fitting_grid(2, BESIDE_WIDTH - 1, 250)


def test_steps_have_short_names_or_numbers(report):
    labels, wide = [row.label for row in report.rows], fitting_grid(2, 850, 250)
    assert step_labels(labels, wide) == [f"Stage {index}" for index in range(6)]
    assert step_labels(labels * 2, wide) == [str(number) for number in range(1, 13)]
    assert step_labels(["features.denseblock1 · 64 × 7 × 7"], wide) == ["1"]
    assert step_labels(labels, fitting_grid(2, 360, 250)) == [str(number) for number in range(1, 7)]


def pixels_above(place: dict, grid) -> float:
    """How many pixels above the panels the upper edge of a slider or a text lies."""
    return (place["y"] - 1) * grid.height


@pytest.mark.parametrize("grid", [WIDE, NARROW], ids=["wide", "narrow"])
def test_sliders_and_their_names_lie_above_the_panels_and_within_their_room(grid):
    for place in (
        layer_name("Layer", grid, OPTIONS),
        layer_slider([("Stage 1", [])], 0, grid, OPTIONS),
        opacity_name(grid, OPTIONS),
        opacity_slider(1, grid, OPTIONS),
    ):
        assert 0 < pixels_above(place, grid) <= height_above(grid) + 1e-6


@pytest.mark.parametrize("grid", [WIDE, NARROW], ids=["wide", "narrow"])
def test_each_name_stands_above_its_slider(grid):
    layers, opacity = layer_slider([("Stage 1", [])], 0, grid, OPTIONS), opacity_slider(1, grid, OPTIONS)
    for name, slider in ((layer_name("Layer", grid, OPTIONS), layers), (opacity_name(grid, OPTIONS), opacity)):
        assert name["x"] == slider["x"]
        assert pixels_above(name, grid) > pixels_above(slider, grid)


def test_the_two_sliders_do_not_overlap():
    layers, opacity = layer_slider([("Stage 1", [])], 0, WIDE, OPTIONS), opacity_slider(1, WIDE, OPTIONS)
    assert layers["x"] + layers["len"] < opacity["x"]
    assert opacity["x"] + opacity["len"] <= 1 + 1e-9
    layers, opacity = layer_slider([("Stage 1", [])], 0, NARROW, OPTIONS), opacity_name(NARROW, OPTIONS)
    assert layers["x"] == opacity["x"] == 0
    # a slider with named ticks is about 50 pixels high
    assert pixels_above(layers, NARROW) - pixels_above(opacity, NARROW) > 50


def test_a_figure_without_layers_needs_less_room():
    assert height_above(WIDE, layers=False) < height_above(WIDE) < height_above(NARROW)
    slider, name = opacity_slider(1, WIDE, OPTIONS, layers=False), opacity_name(WIDE, OPTIONS, layers=False)
    assert slider["x"] == name["x"] == 0
    assert pixels_above(slider, WIDE) < pixels_above(name, WIDE) <= height_above(WIDE, layers=False) + 1e-6


def test_every_opacity_step_sets_all_maps():
    slider = opacity_slider(3, WIDE, LayerViewOptions(opacity=0.25))
    settings = [step["args"] for step in slider["steps"]]
    assert [change["opacity"] for change, _ in settings] == pytest.approx([n / 20 for n in range(21)])
    assert all(traces == [0, 1, 2] for _, traces in settings)
    assert settings[slider["active"]][0]["opacity"] == 0.25


def test_a_step_of_the_layers_keeps_its_label_and_what_it_changes():
    steps = [("Stage 1", [{"visible": [True, False]}]), ("Stage 2", [{"visible": [False, True]}])]
    slider = layer_slider(steps, 1, WIDE, OPTIONS)
    assert [(step["label"], step["args"]) for step in slider["steps"]] == steps
    assert slider["active"] == 1
