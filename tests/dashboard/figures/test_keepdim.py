from __future__ import annotations

import numpy as np
import pytest

from analysis.explain.studies.keepdim import KeepdimCase, KeepdimCell
from dashboard.figures.keepdim import CELL, keepdim_figure, keepdim_panels, keepdim_table_chart
from dashboard.figures.options import LayerViewOptions
from tests.dashboard.figures.reading import clicked_fields, marks, order

ERROR = "The size of tensor a (128) must match the size of tensor b (28) at non-singleton dimension 2"


def case(outcome: str) -> KeepdimCase:
    right, wrong = np.random.default_rng(0).normal(size=(2, 64, 64)).astype(np.float32)
    raises = outcome == "raises"
    return KeepdimCase(
        steps=(),
        alignment=(),
        outcome=outcome,
        error=ERROR if raises else None,
        wrong=None if raises else wrong,
        right=right,
        difference=None if raises else wrong - right,
        correlation=None if raises else -0.034,
        right_steps=(),
        right_alignment=(),
    )


def test_a_silent_case_shows_both_maps_and_their_difference(report):
    silent = case("silent")
    figure = keepdim_figure(silent, report.image)
    for trace, values in zip(figure.data, (silent.wrong, silent.right, silent.difference), strict=True):
        np.testing.assert_array_equal(trace.z, values)
        assert trace.zmid == 0
    titles = " ".join(note.text for note in figure.layout.annotations)
    assert "Without keepdim (wrong)" in titles
    assert "With keepdim (right)" in titles
    assert "-0.03" in titles


def test_the_difference_stays_signed_after_relu():
    wrong, right, difference = keepdim_panels(case("silent"), LayerViewOptions(relu=True))
    assert wrong.values.min() == right.values.min() == 0
    assert difference.values.min() < 0
    assert difference.low == -difference.high
    assert (right.scale, difference.scale) == ("Magma", "RdBu")


def test_a_raising_case_shows_the_error_and_the_right_map(report):
    raising = case("raises")
    figure = keepdim_figure(raising, report.image)
    (trace,) = figure.data
    np.testing.assert_array_equal(trace.z, raising.right)
    assert trace.xaxis == "x2"
    assert any(ERROR in note.text.replace("<br>", " ") for note in figure.layout.annotations if note.visible)


def test_a_right_case_does_not_call_its_map_wrong():
    assert keepdim_panels(case("right"), LayerViewOptions())[0].title == "Without keepdim (right by chance)"


@pytest.mark.parametrize("same", [True, False])
def test_one_scale_covers_both_maps(same):
    wrong, right, _ = keepdim_panels(case("silent"), LayerViewOptions(same_scale=same))
    assert (wrong.high == right.high) is same


def test_the_table_says_by_colour_and_word_what_happens():
    cells = [
        KeepdimCell("0.4", 224, 64, 56, 56, "raises"),
        KeepdimCell("0.4", 256, 64, 64, 64, "silent"),
        KeepdimCell("0.9", 256, 1, 8, 8, "right"),
    ]
    chart = keepdim_table_chart(cells, {"0.4": "Stage 1"})
    written: dict[tuple, list[str]] = {}
    for text in marks(chart, "text"):
        written.setdefault((text.channels["y"], text.channels["x"]), []).append(text.channels["text"])
    assert written == {
        ("Stage 1", 224): ["raises", "64×56×56"],
        ("Stage 1", 256): ["silent", "64×64×64"],
        ("0.9", 256): ["right", "1×8×8"],
    }
    cells_drawn = marks(chart, "rect")
    assert len({cell.channels["color"] for cell in cells_drawn}) == 3
    assert cells_drawn[1].tooltip == {
        "Layer": "Stage 1",
        "Input size": "256",
        "Channels × height × width": "64×64×64",
        "Without keepdim": "a wrong map without any warning",
    }
    assert order(chart, "y") == ["Stage 1", "0.9"]
    assert order(chart, "color") == ["raises", "silent", "right"]
    assert clicked_fields(chart) == {CELL: ["layer", "size"]}
