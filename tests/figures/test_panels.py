from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dashboard.figures.options import LayerViewOptions
from dashboard.figures.panels import cam_title, layer_panels


def test_titles_name_the_kind_of_cam(report):
    assert [cam_title(row) for row in report.rows] == [
        "CAM (none here)",
        "CAM of a linear probe (accuracy 0.58)",
        "CAM of a linear probe (accuracy 0.67)",
        "CAM as in the book (approximation)",
        "CAM of a linear probe (accuracy 0.83)",
        "CAM (exact)",
    ]


def test_a_probe_without_an_accuracy_claims_none(report):
    assert cam_title(replace(report.rows[1], probe_accuracy=None)) == "CAM of a linear probe"


def test_a_signed_map_is_shown_as_it_is_around_zero(report):
    row = report.rows[5]
    cam, gradcam = layer_panels(row, LayerViewOptions())
    np.testing.assert_array_equal(cam.values, row.cam)
    np.testing.assert_array_equal(gradcam.values, row.gradcam)
    assert cam.high == -cam.low == pytest.approx(np.abs(row.cam).max())
    assert gradcam.high == pytest.approx(np.abs(row.gradcam).max())
    assert gradcam.title == "Grad-CAM"


def test_relu_keeps_what_speaks_for_the_class(report):
    row = report.rows[5]
    cam, _ = layer_panels(row, LayerViewOptions(relu=True))
    np.testing.assert_array_equal(cam.values, np.where(row.cam > 0, row.cam, 0))
    assert (cam.low, cam.high) == (0, pytest.approx(row.cam.max()))
    assert (row.cam < 0).any(), "the report itself must stay signed"


def test_one_scale_puts_gradcam_in_the_unit_of_cam(report):
    row = report.rows[5]
    twin = replace(row, gradcam=row.cam / row.cam.size)  # what a linear head gives
    cam, gradcam = layer_panels(twin, LayerViewOptions(same_scale=True))
    assert gradcam.title == "Grad-CAM × 49 (h·w)"
    np.testing.assert_allclose(gradcam.values, cam.values, rtol=1e-6)
    assert (cam.low, cam.high) == (gradcam.low, gradcam.high)


def test_one_scale_holds_the_stronger_of_the_two(report):
    row = replace(report.rows[5], cam=report.rows[5].cam * 1000)
    cam, gradcam = layer_panels(row, LayerViewOptions(same_scale=True))
    assert gradcam.high == cam.high == pytest.approx(np.abs(row.cam).max())


def test_a_layer_without_cam_says_why(report):
    cam, gradcam = layer_panels(report.rows[0], LayerViewOptions(same_scale=True))
    assert cam.values is None
    assert cam.note == "No probe has been fitted at this layer."
    assert gradcam.values is not None


@pytest.mark.parametrize(("relu", "note"), [(True, "Nothing above zero at this layer."), (False, "")])
def test_a_map_that_relu_empties_says_so(report, relu, note):
    row = replace(report.rows[5], cam=-np.abs(report.rows[5].cam))
    cam, _ = layer_panels(row, LayerViewOptions(relu=relu))
    assert cam.note == note
    assert cam.high > cam.low
