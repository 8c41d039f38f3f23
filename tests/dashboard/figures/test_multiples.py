from __future__ import annotations

import numpy as np
import pytest

from dashboard.figures.multiples import multiples_figure
from dashboard.figures.options import LayerViewOptions


def test_every_layer_and_every_fusion_has_its_panel(five):
    fused = [five.rows[0].maps["scorecam"]]
    figure = multiples_figure(five, "layercam", fused, LayerViewOptions(width=900))
    maps = [trace for trace in figure.data if trace.type == "heatmap"]
    expected = [row.maps["layercam"].values for row in five.rows] + [fused[0].values]
    for trace, values in zip(maps, expected, strict=True):
        np.testing.assert_array_equal(trace.z, values)
        assert trace.visible
    assert len({(trace.xaxis, trace.yaxis) for trace in maps}) == 7
    titles = [note.text.replace("<br>", " ").replace("</b> <b>", " ") for note in figure.layout.annotations[:14:2]]
    assert titles == [*(f"<b>{row.label}</b>" for row in five.rows), "<b>Score-CAM</b>"]


def test_two_panels_stand_side_by_side_on_a_telephone(report):
    figure = multiples_figure(report, "gradcam", options=LayerViewOptions(width=380))
    assert {trace.xaxis for trace in figure.data if trace.type == "heatmap"} == {"x", "x2"}


def test_a_layer_without_a_map_says_why(report):
    figure = multiples_figure(report, "cam")
    notes = [note.text.replace("<br>", " ") for note in figure.layout.annotations if note.visible]
    assert report.rows[0].maps["cam"].note in notes
    assert len([trace for trace in figure.data if trace.type == "heatmap"]) == 5


def test_a_method_that_is_not_there_is_refused(report):
    with pytest.raises(ValueError, match="cam, gradcam, not 'layercam'"):
        multiples_figure(report, "layercam")
