"""How far CAM and Grad-CAM agree from layer to layer, as a plot and as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.figures.palette import GREEN, INKS, ORANGE, PURPLE, Theme

if TYPE_CHECKING:
    from analysis.explain.report import Agreement, LayerReport, LayerRow

    Reading = Callable[[LayerRow], float | None]

CAM_KINDS = {"exact": "exact", "book": "as in the book", "probe": "linear probe", "none": "none"}


def _agreement(name: str) -> Reading:
    def read(row: LayerRow) -> float | None:
        return None if row.agreement is None else _defined(getattr(row.agreement, name))

    return read


def _defined(value: float | None) -> float | None:
    """None for a missing number and for nan, which both leave a gap."""
    return None if value is None or math.isnan(value) else float(value)


def _probe_accuracy(row: LayerRow) -> float | None:
    return _defined(row.probe_accuracy)


def agreement_figure(report: LayerReport, theme: Theme = "light", height: int = 440) -> go.Figure:
    """Two plots over the layers: how far the two maps agree, and how much of each lies in the masks.

    The second is there only when the report has a mask. Its dotted lines are chance: the share of the
    picture that the mask covers. A layer without a CAM leaves a gap.
    """
    ink = INKS[theme]
    maps = (
        ("Correlation", _agreement("correlation"), ink.good, "solid", "circle"),
        ("Rank correlation", _agreement("rank_correlation"), GREEN, "dash", "diamond"),
        ("Overlap of the hottest 20 %", _agreement("overlap_top20"), ORANGE, "solid", "square"),
        ("Probe accuracy", _probe_accuracy, PURPLE, "dot", "x"),
    )
    energy = (
        ("In the pet, CAM", _agreement("mask_energy_cam"), ink.good, "solid", "circle"),
        ("In the pet, Grad-CAM", _agreement("mask_energy_gradcam"), ink.good, "dash", "circle-open"),
        ("In the shortcut, CAM", _agreement("shortcut_energy_cam"), ORANGE, "solid", "square"),
        ("In the shortcut, Grad-CAM", _agreement("shortcut_energy_gradcam"), ORANGE, "dash", "square-open"),
    )
    plots = [("How far the two maps agree, and what a probe knows", maps)]
    if any(read(row) is not None for _, read, *_ in energy for row in report.rows):
        plots.append(("Share of the map's positive energy inside a mask (dotted: chance)", energy))
    figure = make_subplots(
        rows=len(plots),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.16,
        subplot_titles=[title for title, _ in plots],
    )
    labels = [row.label.split("·")[0].strip() for row in report.rows]
    positions = list(range(len(labels)))
    for number, (_, lines) in enumerate(plots, start=1):
        for name, read, colour, dash, symbol in lines:
            values = [read(row) for row in report.rows]
            if all(value is None for value in values):
                continue
            figure.add_trace(
                go.Scatter(
                    x=positions,
                    y=values,
                    name=name,
                    mode="lines+markers",
                    line={"color": colour, "dash": dash, "width": 2},
                    marker={"symbol": symbol, "size": 8},
                    legend="legend" if number == 1 else "legend2",
                    customdata=[row.label for row in report.rows],
                    hovertemplate=f"{name}: %{{y:.2f}}<extra></extra>",
                ),
                row=number,
                col=1,
            )
    _add_chance(figure, report, 2 if len(plots) == 2 else None, ink.good)
    domains = [figure.layout["yaxis" if number == 1 else f"yaxis{number}"].domain for number in (1, len(plots))]
    figure.update_layout(
        height=height if len(plots) == 2 else height // 2 + 40,
        margin={"l": 44, "r": 8, "t": 34, "b": 30},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": ink.text},
        hovermode="x unified",
        hoverlabel={"bgcolor": ink.surface, "font": {"color": ink.text}},
        legend={"x": 1.02, "y": domains[0][1], "yanchor": "top", "font": {"color": ink.text}},
        legend2={"x": 1.02, "y": domains[-1][1], "yanchor": "top", "font": {"color": ink.text}},
    )
    figure.update_annotations(x=0, xanchor="left", font={"size": 13, "color": ink.text})
    lowest = min((v for _, read, *_ in maps for v in map(read, report.rows) if v is not None), default=0.0)
    figure.update_yaxes(range=[0, 1.05], gridcolor=ink.grid, zeroline=False, tickfont={"color": ink.muted})
    figure.update_yaxes(range=[min(0.0, lowest * 1.1 - 0.02 if lowest < 0 else 0.0), 1.05], row=1, col=1)
    figure.update_xaxes(
        tickvals=positions,
        ticktext=labels,
        showgrid=False,
        zeroline=False,
        range=[-0.3, len(labels) - 0.7],
        tickfont={"color": ink.muted},
    )
    return figure


def _first(report: LayerReport, name: str) -> float | None:
    return next((value for row in report.rows if (value := _agreement(name)(row)) is not None), None)


def _add_chance(figure: go.Figure, report: LayerReport, row: int | None, pet_colour: str) -> None:
    if row is None:
        return
    for name, colour in (("mask_share", pet_colour), ("shortcut_share", ORANGE)):
        share = _first(report, name)
        if share is not None:
            figure.add_hline(y=share, line={"color": colour, "dash": "dot", "width": 1.5}, row=row, col=1)


def agreement_table(report: LayerReport) -> pd.DataFrame:
    """One line a layer in plain words, rounded to two digits; columns with nothing in them are left out.

    Peaks are counted from 1, as hovering over the maps does.
    """
    number = _rounded
    columns: dict[str, Sequence[object]] = {
        "Layer": [row.label for row in report.rows],
        "CAM": [CAM_KINDS[row.cam_kind] for row in report.rows],
        "Correlation": [number(_agreement("correlation")(row)) for row in report.rows],
        "Rank correlation": [number(_agreement("rank_correlation")(row)) for row in report.rows],
        "Overlap of hottest 20 %": [number(_agreement("overlap_top20")(row)) for row in report.rows],
        "CAM peak": [_peak(row.agreement, "peak_cam") for row in report.rows],
        "Grad-CAM peak": [_peak(row.agreement, "peak_gradcam") for row in report.rows],
        "CAM in the pet": [number(_agreement("mask_energy_cam")(row)) for row in report.rows],
        "Grad-CAM in the pet": [number(_agreement("mask_energy_gradcam")(row)) for row in report.rows],
        "Pet's share of the picture": [number(_agreement("mask_share")(row)) for row in report.rows],
        "CAM in the shortcut": [number(_agreement("shortcut_energy_cam")(row)) for row in report.rows],
        "Grad-CAM in the shortcut": [number(_agreement("shortcut_energy_gradcam")(row)) for row in report.rows],
        "Shortcut's share of the picture": [number(_agreement("shortcut_share")(row)) for row in report.rows],
        "Probe accuracy": [number(row.probe_accuracy) for row in report.rows],
    }
    return pd.DataFrame(columns).dropna(axis="columns", how="all")


def _rounded(value: float | None) -> float | None:
    known = _defined(value)
    return None if known is None else round(known, 2)


def _peak(agreement: Agreement | None, name: str) -> str | None:
    if agreement is None:
        return None
    row, column = getattr(agreement, name)
    return f"row {row + 1}, column {column + 1}"
