from __future__ import annotations

import math
from dataclasses import replace

import pytest

from dashboard.figures.agreement import agreement_figure, agreement_table


def lines(figure) -> dict[str, list]:
    return {trace.name: list(trace.y) for trace in figure.data}


def without_masks(report):
    fields = ("mask_energy_cam", "mask_energy_gradcam", "mask_share")
    fields += ("shortcut_energy_cam", "shortcut_energy_gradcam", "shortcut_share")
    rows = [
        row if row.agreement is None else replace(row, agreement=replace(row.agreement, **dict.fromkeys(fields)))
        for row in report.rows
    ]
    return replace(report, rows=tuple(rows))


def test_lines_hold_the_numbers_and_leave_gaps(report):
    drawn = lines(agreement_figure(report))
    assert drawn["Correlation"] == [None, *(pytest.approx(index / 5 - 0.4) for index in range(1, 6))]
    assert drawn["In the pet, Grad-CAM"][5] == pytest.approx(0.75)
    assert drawn["In the shortcut, CAM"][5] == pytest.approx(0.1)
    assert drawn["Probe accuracy"][3] is None
    assert len(drawn) == 8


def test_chance_is_drawn_where_the_mask_s_share_is(report):
    levels = [shape.y0 for shape in agreement_figure(report).layout.shapes]
    assert levels == [0.35, 0.04]


def test_without_masks_there_is_one_plot(report):
    figure = agreement_figure(without_masks(report))
    assert set(lines(figure)) == {
        "Correlation",
        "Rank correlation",
        "Overlap of the hottest 20 %",
        "Probe accuracy",
    }
    assert not figure.layout.shapes
    assert figure.layout.height < agreement_figure(report).layout.height


def test_a_number_that_is_not_defined_is_a_gap(report):
    broken = replace(report.rows[5], agreement=replace(report.rows[5].agreement, correlation=math.nan))
    drawn = lines(agreement_figure(replace(report, rows=(*report.rows[:5], broken))))
    assert drawn["Correlation"][5] is None


def test_negative_correlations_stay_inside_the_plot(report):
    figure = agreement_figure(report)
    assert figure.layout.yaxis.range[0] < -0.3  # the lowest rank correlation
    positive = replace(report, rows=report.rows[4:])
    assert agreement_figure(positive).layout.yaxis.range[0] == 0


def test_layers_stand_below_the_plots(report):
    assert list(agreement_figure(report).layout.xaxis2.ticktext) == [f"Stage {index}" for index in range(6)]


def test_the_table_speaks_in_words_and_counts_from_one(report):
    table = agreement_table(report)
    last = table.iloc[5]
    assert last["Layer"] == "Stage 5 · 512 × 7 × 7"
    assert last["CAM"] == "exact"
    assert last["Correlation"] == 0.6
    assert last["CAM peak"] == "row 1, column 6"
    assert last["Grad-CAM in the pet"] == 0.75
    assert table["CAM"].tolist() == [
        "none",
        "linear probe",
        "linear probe",
        "as in the book",
        "linear probe",
        "exact",
    ]
    assert table["Probe accuracy"].tolist()[1] == 0.58
    assert table.iloc[0].isna()["Correlation"]


def test_the_table_leaves_out_what_nobody_measured(report):
    columns = set(agreement_table(without_masks(report)).columns)
    assert "Correlation" in columns
    assert not [name for name in columns if "pet" in name or "shortcut" in name]
