from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from dashboard.figures.layers import layers_figure, step_labels
from dashboard.figures.options import LayerViewOptions


def maps(figure: go.Figure) -> list[go.Heatmap]:
    return [trace for trace in figure.data if trace.type == "heatmap"]


def step_of(figure: go.Figure, layer: int) -> tuple[list[bool], dict, tuple[int, ...]]:
    visible, changes, traces = figure.layout.sliders[0].steps[layer].args
    return visible["visible"], changes, traces


def test_all_maps_are_sent_once_at_their_own_resolution(report):
    sent = [np.asarray(trace.z) for trace in maps(layers_figure(report))]
    expected = [values for row in report.rows for values in (row.cam, row.gradcam) if values is not None]
    assert len(sent) == len(expected) == 11
    for got, want in zip(sent, expected, strict=True):
        np.testing.assert_array_equal(got, want)
        assert got.dtype == np.float32


def test_every_map_covers_the_picture(report):
    for trace in maps(layers_figure(report)):
        rows, columns = np.shape(trace.z)
        assert trace.x0 - trace.dx / 2 == pytest.approx(0)
        assert trace.x0 + trace.dx * (columns - 0.5) == pytest.approx(224)
        assert trace.y0 - trace.dy / 2 == pytest.approx(0)
        assert trace.y0 + trace.dy * (rows - 0.5) == pytest.approx(224)


@pytest.mark.parametrize("layer", range(6))
def test_a_step_shows_its_layer_and_no_other(report, layer):
    figure = layers_figure(report)
    visible, changes, traces = step_of(figure, layer)
    assert list(traces) == list(range(len(maps(figure)))), "a step must not touch the outlines"
    shown = [maps(figure)[index] for index in np.flatnonzero(visible)]
    row = report.rows[layer]
    wanted = [("x2", row.gradcam)] if row.cam is None else [("x", row.cam), ("x2", row.gradcam)]
    assert [trace.xaxis for trace in shown] == [axis for axis, _ in wanted]
    for trace, (_, values) in zip(shown, wanted, strict=True):
        np.testing.assert_array_equal(trace.z, values)
    assert changes["annotations[4].text"] == f"Layer {layer + 1} of 6: <b>{row.label}</b>"
    assert len(changes["xaxis.labelalias"]) == len(changes["yaxis2.labelalias"]) == row.gradcam.shape[0]


def test_a_step_changes_no_range_and_calls_no_server(report):
    figure = layers_figure(report)
    for slider in figure.layout.sliders:
        assert {step.method for step in slider.steps} <= {"update", "restyle"}
    keys = {key for layer in range(6) for key in step_of(figure, layer)[1]}
    assert not [key for key in keys if "range" in key]
    assert figure.layout.uirevision


@pytest.mark.parametrize("layer", [0, 3, 5])
def test_the_first_view_is_the_step_of_its_layer(report, layer):
    figure = layers_figure(report, LayerViewOptions(layer=layer))
    visible, changes, _ = step_of(figure, layer)
    assert figure.layout.sliders[0].active == layer
    assert [trace.visible for trace in maps(figure)] == visible
    for number in range(2):
        assert figure.layout.annotations[number].text == changes[f"annotations[{number}].text"]
    assert figure.layout.xaxis.labelalias == changes["xaxis.labelalias"]


def test_a_layer_without_cam_shows_the_reason_and_the_next_one_hides_it(report):
    figure = layers_figure(report, LayerViewOptions(layer=0))
    note = figure.layout.annotations[2]
    assert note.visible
    assert note.text.replace("<br>", " ") == report.rows[0].cam_note
    assert step_of(figure, 0)[1]["annotations[2].visible"] is True
    assert step_of(figure, 1)[1]["annotations[2].visible"] is False


def test_hovering_names_value_row_and_column(report):
    figure = layers_figure(report, LayerViewOptions(layer=5))
    trace = maps(figure)[-1]
    assert all(part in trace.hovertemplate for part in ("%{z", "%{x}", "%{y}"))
    centre = format(trace.y0 + 2 * trace.dy, figure.layout.yaxis.hoverformat)
    assert figure.layout.yaxis.labelalias[centre] == "row 3 of 7, pixels 64–96"
    centre = format(trace.x0 + 4 * trace.dx, figure.layout.xaxis2.hoverformat)
    assert figure.layout.xaxis2.labelalias[centre] == "column 5 of 7, pixels 128–160"


def test_signed_maps_are_centred_and_relu_cuts_them(report):
    signed = maps(layers_figure(report))
    assert all(trace.zmid == 0 and trace.zmin == -trace.zmax for trace in signed)
    cut = maps(layers_figure(report, LayerViewOptions(relu=True)))
    assert all(trace.zmin == 0 and np.min(trace.z) == 0 for trace in cut)
    assert signed[0].colorscale != cut[0].colorscale


def test_one_scale_has_one_colour_bar_and_two_scales_have_two(report):
    apart = maps(layers_figure(report))[-2:]
    assert [trace.showscale for trace in apart] == [True, True]
    assert apart[0].zmax != apart[1].zmax
    shared = maps(layers_figure(report, LayerViewOptions(same_scale=True)))[-2:]
    assert [trace.showscale for trace in shared] == [False, True]
    assert shared[0].zmax == shared[1].zmax
    np.testing.assert_allclose(shared[1].z, report.rows[-1].gradcam * 49, rtol=1e-6)


def test_one_scale_keeps_the_bar_of_a_layer_that_has_one_map(report):
    lonely = maps(layers_figure(report, LayerViewOptions(same_scale=True)))[0]
    assert lonely.showscale
    assert lonely.colorbar.len < 0.5


def test_smoothing_and_opacity_reach_every_map(report):
    for trace in maps(layers_figure(report, LayerViewOptions(smooth=False, opacity=0.35))):
        assert trace.zsmooth is False
        assert trace.opacity == 0.35
    assert {trace.zsmooth for trace in maps(layers_figure(report))} == {"best"}


def test_the_opacity_slider_starts_at_the_opacity_and_changes_all_maps(report):
    figure = layers_figure(report, LayerViewOptions(opacity=0.35))
    slider = figure.layout.sliders[1]
    change, traces = slider.steps[slider.active].args
    assert change == {"opacity": 0.35}
    assert list(traces) == list(range(11))
    assert slider.steps[-1].args[0] == {"opacity": 1}


def test_outlines_are_drawn_on_both_panels_and_switched_in_the_legend(report):
    figure = layers_figure(report, LayerViewOptions(pet_outline=True))
    lines = [trace for trace in figure.data if trace.type == "scatter"]
    pet = [line for line in lines if line.legendgroup == "pet"]
    assert {line.xaxis for line in pet} == {"x", "x2"}
    assert {line.visible for line in pet} == {True}
    assert {line.visible for line in lines if line.legendgroup == "shortcut"} == {"legendonly"}
    assert [line.name for line in lines if line.showlegend] == ["Outline of the pet", "Outline of the shortcut"]


def test_without_masks_there_are_no_outlines(report):
    bare = replace(report, mask=None, shortcut=np.zeros((224, 224), bool))
    options = LayerViewOptions(pet_outline=True, shortcut_outline=True)
    assert all(trace.type == "heatmap" for trace in layers_figure(bare, options).data)


def test_steps_have_short_names_or_numbers(report):
    assert step_labels(report) == [f"Stage {index}" for index in range(6)]
    many = replace(report, rows=report.rows * 2)
    assert step_labels(many) == [str(number) for number in range(1, 13)]
    long = replace(report, rows=(replace(report.rows[0], label="features.denseblock1 · 64 × 7 × 7"),))
    assert step_labels(long) == ["1"]


@pytest.mark.parametrize("layer", [-1, 6])
def test_a_layer_that_is_not_there_is_refused(report, layer):
    with pytest.raises(ValueError, match="not one of the report's 6 layers"):
        layers_figure(report, LayerViewOptions(layer=layer))
    with pytest.raises(ValueError, match="no layers"):
        layers_figure(replace(report, rows=()), LayerViewOptions())


def test_the_figure_stays_small(report):
    text = layers_figure(report).to_json()
    assert len(text) < 450_000
    # one 7 x 7 map with its texts is a few kilobytes
    last = layers_figure(replace(report, rows=report.rows[-1:], mask=None, shortcut=None))
    photo = sum(len(image.source) for image in last.layout.images)
    assert len(last.to_json()) - photo < 30_000
    assert "bdata" in json.dumps(json.loads(text)["data"][0]["z"])


def test_themes_differ_in_ink_only(report):
    light, dark = (layers_figure(report, LayerViewOptions(theme=theme)) for theme in ("light", "dark"))
    assert light.layout.font.color != dark.layout.font.color
    assert light.layout.paper_bgcolor == dark.layout.paper_bgcolor == "rgba(0,0,0,0)"
    np.testing.assert_array_equal(light.data[0].z, dark.data[0].z)
