from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dashboard.figures.options import LayerViewOptions
from dashboard.figures.panels import comparable, layer_panels, method_panels


def cam_of(row, values):
    return replace(row, maps={**row.maps, "cam": replace(row.maps["cam"], values=values)})


def gradcam_of(row, values):
    return replace(row, maps={**row.maps, "gradcam": replace(row.maps["gradcam"], values=values)})


def test_a_signed_map_is_shown_as_it_is_around_zero(report):
    row = report.rows[5]
    cam, gradcam = layer_panels(row, LayerViewOptions())
    np.testing.assert_array_equal(cam.values, row.maps["cam"].values)
    np.testing.assert_array_equal(gradcam.values, row.maps["gradcam"].values)
    assert cam.high == -cam.low == pytest.approx(np.abs(row.maps["cam"].values).max())
    assert gradcam.high == pytest.approx(np.abs(row.maps["gradcam"].values).max())
    assert gradcam.title == "Grad-CAM"


def test_relu_keeps_what_speaks_for_the_class(report):
    row = report.rows[5]
    values = row.maps["cam"].values
    cam, _ = layer_panels(row, LayerViewOptions(relu=True))
    np.testing.assert_array_equal(cam.values, np.where(values > 0, values, 0))
    assert (cam.low, cam.high) == (0, pytest.approx(values.max()))
    assert (values < 0).any(), "the report itself must stay signed"


def test_one_scale_puts_gradcam_in_the_unit_of_cam(report):
    row = report.rows[5]
    values = row.maps["cam"].values
    twin = gradcam_of(row, values / values.size)  # what a linear head gives
    cam, gradcam = layer_panels(twin, LayerViewOptions(same_scale=True))
    assert gradcam.title == "Grad-CAM × 49 (h·w)"
    np.testing.assert_allclose(gradcam.values, cam.values, rtol=1e-6)
    assert (cam.low, cam.high) == (gradcam.low, gradcam.high)


def test_one_scale_holds_the_stronger_of_the_two(report):
    row = cam_of(report.rows[5], report.rows[5].maps["cam"].values * 1000)
    cam, gradcam = layer_panels(row, LayerViewOptions(same_scale=True))
    assert gradcam.high == cam.high == pytest.approx(np.abs(row.maps["cam"].values).max())


def test_a_layer_without_cam_says_why(report):
    cam, gradcam = layer_panels(report.rows[0], LayerViewOptions(same_scale=True))
    assert cam.values is None
    assert cam.note == "No probe has been fitted at this layer."
    assert gradcam.values is not None


@pytest.mark.parametrize(("relu", "note"), [(True, "Nothing above zero at this layer."), (False, "")])
def test_a_map_that_relu_empties_says_so(report, relu, note):
    row = cam_of(report.rows[5], -np.abs(report.rows[5].maps["cam"].values))
    cam, _ = layer_panels(row, LayerViewOptions(relu=relu))
    assert cam.note == note
    assert cam.high > cam.low


def test_one_method_over_all_layers_is_titled_by_the_layers(five):
    panels = method_panels(five, "layercam", [five.rows[0].maps["scorecam"]], LayerViewOptions())
    assert [panel.title for panel in panels] == [*(row.label for row in five.rows), "Score-CAM"]
    for panel, row in zip(panels, five.rows, strict=False):
        np.testing.assert_array_equal(panel.values, row.maps["layercam"].values)


def test_only_cam_and_gradcam_are_comparable():
    assert comparable(("layercam", "cam", "gradcam"))
    assert not comparable(("cam", "layercam"))
