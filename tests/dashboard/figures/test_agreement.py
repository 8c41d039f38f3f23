from __future__ import annotations

import math
from dataclasses import replace

import pytest

from analysis.explain.measures import METRICS, Metric
from analysis.explain.report.picture import MapNumbers
from dashboard.figures.agreement import agreement_figure, agreement_table, place_figures


def lines(figure) -> dict[str, list]:
    return {trace.name: list(trace.y) for trace in figure.data}


def without_masks(report):
    rows = [
        replace(
            row,
            maps={
                name: replace(
                    found,
                    numbers=found.numbers and replace(found.numbers, inside={}),
                )
                for name, found in row.maps.items()
            },
        )
        for row in report.rows
    ]
    return replace(report, rows=tuple(rows), mask=None, shortcut=None)


def test_two_methods_are_compared_by_three_measures_with_gaps(report, titles):
    drawn = lines(agreement_figure(report, titles))
    assert drawn["Correlation"] == [None, *(pytest.approx(index / 5 - 0.4) for index in range(1, 6))]
    assert drawn["Probe accuracy"][3] is None
    assert set(drawn) == {"Correlation", "Rank correlation", "Overlap of the hottest 20 %", "Probe accuracy"}


def test_more_methods_are_compared_by_their_correlation_with_the_reference(five, titles):
    drawn = lines(agreement_figure(five, titles))
    assert set(drawn) == {"Grad-CAM", "LayerCAM", "Score-CAM", "FullGrad", "Probe accuracy"}
    assert drawn["LayerCAM"][5] == pytest.approx(0.6)


def test_lines_of_many_methods_can_be_told_apart(five, titles):
    figure = agreement_figure(five, titles)
    looks = {(trace.line.color, trace.line.dash, trace.marker.symbol) for trace in figure.data}
    assert len(looks) == len(figure.data)


def test_energy_is_drawn_beside_chance(report, titles):
    figures = place_figures(report, titles)
    assert list(figures) == [("animal", "mass"), ("shortcut", "mass")]
    assert lines(figures["animal", "mass"])["Grad-CAM"][5] == pytest.approx(0.75)
    assert lines(figures["shortcut", "mass"])["CAM"][5] == pytest.approx(0.1)
    assert [figure.layout.shapes[0].y0 for figure in figures.values()] == [
        report.mask.mean(),
        report.shortcut.mean(),
    ]
    assert place_figures(without_masks(report), titles) == {}


def test_a_number_that_is_not_defined_is_a_gap(report, titles):
    pair = report.rows[5].agreement["gradcam"] | {"correlation": math.nan}
    broken = replace(report.rows[5], agreement={"gradcam": pair})
    drawn = lines(agreement_figure(replace(report, rows=(*report.rows[:5], broken)), titles))
    assert drawn["Correlation"][5] is None


def test_negative_correlations_stay_inside_the_plot(report, titles):
    figure = agreement_figure(report, titles)
    assert figure.layout.yaxis.range[0] < -0.3  # the lowest rank correlation
    positive = replace(report, rows=report.rows[4:])
    assert agreement_figure(positive, titles).layout.yaxis.range[0] == 0


def test_layers_stand_below_the_plots_by_number_where_it_is_narrow(report, titles):
    assert list(agreement_figure(report, titles).layout.xaxis.ticktext) == [f"Stage {index}" for index in range(6)]
    narrow = agreement_figure(report, titles, width=340)
    assert list(narrow.layout.xaxis.ticktext) == ["1", "2", "3", "4", "5", "6"]
    assert narrow.layout.height > agreement_figure(report, titles).layout.height


def test_the_table_speaks_in_words_and_counts_from_one(report, titles):
    table = agreement_table(report, titles)
    cam, gradcam = table.iloc[10], table.iloc[11]
    assert cam["Layer"] == gradcam["Layer"] == "Stage 5 · 512 × 7 × 7"
    assert (cam["Method"], gradcam["Method"]) == ("CAM (exact)", "Grad-CAM")
    assert gradcam["Correlation with CAM"] == 0.6
    assert cam["Peak"] == "row 1, column 6"
    assert gradcam["Positive energy in the animal"] == 0.75
    assert table["Method"].tolist()[::2] == [
        "CAM (none)",
        "CAM (linear probe)",
        "CAM (linear probe)",
        "CAM (as in the book)",
        "CAM (linear probe)",
        "CAM (exact)",
    ]
    assert table["Probe accuracy"].tolist()[2] == 0.58
    assert table.iloc[1].isna()["Correlation with CAM"]


def test_the_table_leaves_out_what_nobody_measured(report, titles):
    columns = set(agreement_table(without_masks(report), titles).columns)
    assert "Correlation with CAM" in columns
    assert not [name for name in columns if "animal" in name or "shortcut" in name]


def test_a_new_metric_has_its_line_its_figure_and_its_columns(report, titles, monkeypatch):
    for name, needs in (("gini", {"map"}), ("auc", {"map", "mask"}), ("twin", {"map", "reference"})):
        metric = Metric(name, name.upper(), frozenset(needs), lambda *given: 0.5, "-", "-", "-")
        monkeypatch.setitem(METRICS, name, metric)
    rows = [
        replace(
            row,
            agreement={name: pair | {"twin": 0.5} for name, pair in row.agreement.items()},
            maps={
                name: replace(
                    found,
                    numbers=found.numbers
                    and MapNumbers(
                        found.numbers.peak,
                        {"gini": 0.5},
                        {place: numbers | {"auc": 0.5} for place, numbers in found.numbers.inside.items()},
                    ),
                )
                for name, found in row.maps.items()
            },
        )
        for row in report.rows
    ]
    new = replace(report, rows=tuple(rows))
    assert lines(agreement_figure(new, titles))["TWIN"][1:] == [0.5] * 5
    figures = place_figures(new, titles)
    assert list(figures) == [("animal", "mass"), ("animal", "auc"), ("shortcut", "mass"), ("shortcut", "auc")]
    assert not figures["animal", "auc"].layout.shapes  # no number by chance was given
    columns = ["GINI", "AUC in the animal", "AUC in the shortcut", "TWIN with CAM"]
    assert agreement_table(new, titles).iloc[11][columns].tolist() == [0.5] * 4
