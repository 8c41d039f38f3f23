from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from dashboard.figures.layers import layers_figure
from dashboard.figures.options import LayerViewOptions


def maps(figure: go.Figure) -> list[go.Heatmap]:
    return [trace for trace in figure.data if trace.type == "heatmap"]


def step_of(figure: go.Figure, layer: int) -> tuple[list[bool], dict, tuple[int, ...]]:
    visible, changes, traces = figure.layout.sliders[0].steps[layer].args
    return visible["visible"], changes, traces


def test_all_maps_are_sent_once_at_their_own_resolution(report):
    sent = [np.asarray(trace.z) for trace in maps(layers_figure(report))]
    expected = [found.values for row in report.rows for found in row.maps.values() if found.values is not None]
    assert len(sent) == len(expected) == 11
    for got, want in zip(sent, expected, strict=True):
        np.testing.assert_array_equal(got, want)
        assert got.dtype == np.float32


def test_every_map_covers_the_picture(report):
    for trace in maps(layers_figure(report)):
        rows, columns = np.shape(trace.z)
        # to within the thousandth of a pixel by which resolutions are told apart when hovering
        assert trace.x0 - trace.dx / 2 == pytest.approx(0, abs=2e-3)
        assert trace.x0 + trace.dx * (columns - 0.5) == pytest.approx(224, abs=2e-3)
        assert trace.y0 - trace.dy / 2 == pytest.approx(0, abs=2e-3)
        assert trace.y0 + trace.dy * (rows - 0.5) == pytest.approx(224, abs=2e-3)


@pytest.mark.parametrize("layer", range(6))
def test_a_step_shows_its_layer_and_no_other(report, layer):
    figure = layers_figure(report)
    visible, changes, traces = step_of(figure, layer)
    assert list(traces) == list(range(len(maps(figure)))), "a step must not touch the outlines"
    shown = [maps(figure)[index] for index in np.flatnonzero(visible)]
    row = report.rows[layer]
    cam, gradcam = (found.values for found in row.maps.values())
    wanted = [("x2", gradcam)] if cam is None else [("x", cam), ("x2", gradcam)]
    assert [trace.xaxis for trace in shown] == [axis for axis, _ in wanted]
    for trace, (_, values) in zip(shown, wanted, strict=True):
        np.testing.assert_array_equal(trace.z, values)
    assert changes["annotations[4].text"] == f"Layer {layer + 1} of 6: <b>{row.label}</b>"


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
    for name, value in changes.items():
        number, key = name.removeprefix("annotations[").split("].")
        assert figure.layout.annotations[int(number)][key] == value
    assert "annotations[1].text" not in changes, "Grad-CAM's title is the same at every layer"


def test_a_layer_without_cam_shows_the_reason_and_the_next_one_hides_it(report):
    figure = layers_figure(report, LayerViewOptions(layer=0))
    note = figure.layout.annotations[2]
    assert note.visible
    assert note.text.replace("<br>", " ") == report.rows[0].maps["cam"].note
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
    for trace in maps(figure):
        assert format(trace.x0, ".4f") in figure.layout.xaxis.labelalias


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
    np.testing.assert_allclose(shared[1].z, report.rows[-1].maps["gradcam"].values * 49, rtol=1e-6)


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


def test_methods_wrap_to_the_width_and_each_has_its_panel(five):
    wide, narrow = (layers_figure(five, LayerViewOptions(layer=5, width=width)) for width in (900, 380))
    places = {(trace.xaxis, trace.yaxis) for trace in maps(wide) if trace.visible}
    assert places == {("x", "y"), ("x2", "y"), ("x3", "y"), ("x", "y2"), ("x2", "y2")}
    assert {(trace.xaxis, trace.yaxis) for trace in maps(narrow) if trace.visible} == {
        ("x", "y"),
        *(("x", f"y{row}") for row in range(2, 6)),
    }
    assert narrow.layout.height > wide.layout.height
    titles = [note.text for note in wide.layout.annotations[:5]]
    assert titles == [
        "<b>CAM (exact)</b>",
        "<b>Grad-CAM</b>",
        "<b>LayerCAM</b>",
        "<b>Score-CAM</b>",
        "<b>FullGrad</b>",
    ]
    assert len(wide.layout.images) == len(narrow.layout.images) == 5


@pytest.mark.parametrize("layer", range(6))
def test_one_step_switches_all_panels(five, layer):
    figure = layers_figure(five)
    visible, _, traces = step_of(figure, layer)
    shown = [figure.data[traces[index]] for index in np.flatnonzero(visible)]
    wanted = [found.values for found in five.rows[layer].maps.values() if found.values is not None]
    for trace, values in zip(shown, wanted, strict=True):
        np.testing.assert_array_equal(trace.z, values)


def test_only_cam_and_gradcam_share_a_scale(five):
    shown = [
        trace for trace in maps(layers_figure(five, LayerViewOptions(layer=5, same_scale=True))) if trace.visible
    ]
    assert shown[0].zmax == shown[1].zmax
    assert len({trace.zmax for trace in shown}) == 4
    assert [trace.showscale for trace in shown] == [False, True, True, True, True]


def test_long_titles_wrap_and_make_room(report):
    row = replace(report.rows[0], maps={"cam": replace(report.rows[0].maps["cam"], title="CAM " * 30)})
    long = replace(report, rows=(row,), methods=("cam",))
    plain = replace(report, rows=report.rows[:1])
    figure = layers_figure(long, LayerViewOptions(width=300))
    assert figure.layout.annotations[0].text.count("<br>") >= 2
    assert (
        figure.layout.height
        > layers_figure(
            replace(long, rows=(replace(row, maps={"cam": plain.rows[0].maps["cam"]}),)),
            LayerViewOptions(width=300),
        ).layout.height
    )


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
