"""How far the methods agree from layer to layer, and what they point at, as plots and as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly.graph_objects as go

from analysis.explain.measures import metrics_of
from dashboard.figures.palette import GREEN, INKS, ORANGE, PURPLE, SKY, VERMILLION, Theme

if TYPE_CHECKING:
    from analysis.explain.report.layers import LayerReport, LayerRow

    Reading = Callable[[LayerRow], float | None]

CAM_KINDS = {"exact": "exact", "book": "as in the book", "probe": "linear probe", "none": "none", "": ""}
MAP, PAIR, PLACE = ("map",), ("map", "reference"), ("map", "mask")  # what a metric of the report may need
PLOT = 215  # pixels of a plot without its legend
_DASHES = ("solid", "dash", "dot", "dashdot")
_SYMBOLS = ("circle", "square", "diamond", "x", "triangle-up", "cross")
_LEGEND_ENTRY, _LEGEND_LINE = 205, 22  # pixels


def agreement_figure(
    report: LayerReport, titles: dict[str, str], theme: Theme = "light", width: int = 850
) -> go.Figure:
    """How far every other method agrees with the report's reference, over the layers.

    Two methods are compared by every metric of a pair of maps, more of them by the first one alone. `titles` are
    the methods' names for people. A layer where one of the two has no map leaves a gap; where CAM is the CAM of
    linear probes, their accuracy is drawn too.
    """
    others = [name for name in report.methods if name != report.reference]
    styles = _styles(theme)
    lines: list[tuple[str, Reading, dict[str, Any]]] = []
    metrics = metrics_of(PAIR)
    if len(others) == 1:
        lines = [(metric.title, _agreement(others[0], metric.name), next(styles)) for metric in metrics]
    else:
        lines = [(titles[name], _agreement(name, metrics[0].name), next(styles)) for name in others]
    if "cam" in report.methods:
        probe = {"color": PURPLE, "dash": "dot", "symbol": "x"}
        lines.append(("Probe accuracy", lambda row: _defined(row.probe_accuracy), probe))
    figure = _plot(report, lines, theme, width)
    values = [v for trace in figure.data for v in trace.y if v is not None]
    low = min(values, default=0.0)
    figure.update_yaxes(range=[low * 1.1 - 0.02 if low < 0 else 0.0, 1.05])
    return figure


def place_figures(
    report: LayerReport, titles: dict[str, str], theme: Theme = "light", width: int = 850
) -> dict[tuple[str, str], go.Figure]:
    """Draw each metric of a map and a mask over the layers, by place ("animal", "shortcut") and metric.

    The dotted line is chance: what a map without information would reach.
    """
    figures = {}
    for place, mask in report.places.items():
        for metric in metrics_of(PLACE):
            lines = [
                (titles[name], _inside(name, place, metric.name), style)
                for name, style in zip(report.methods, _styles(theme), strict=False)
            ]
            figure = _plot(report, lines, theme, width)
            chance = metric.by_chance({"mask": mask})
            if chance is not None:
                ink = INKS[theme]
                figure.add_hline(
                    y=chance,
                    line={"color": ink.text, "dash": "dot", "width": 1.5},
                    annotation={"text": f"chance: {chance:.0%}", "font": {"color": ink.text, "size": 11}},
                    annotation_position="top left",
                )
            figure.update_yaxes(range=[metric.low, metric.high + 0.05 * (metric.high - metric.low)])
            figures[place, metric.name] = figure
    return figures


def agreement_table(report: LayerReport, titles: dict[str, str]) -> pd.DataFrame:
    """One line a layer and method in plain words, rounded to two digits; empty columns are left out.

    Peaks are counted from 1, as hovering over the maps does.
    """
    reference = titles[report.reference]
    lines: list[dict[str, object]] = []
    for row in report.rows:
        for name, found in row.maps.items():
            numbers, pair = found.numbers, row.agreement.get(name)
            line: dict[str, object] = {
                "Layer": row.label,
                "Method": titles[name] + (f" ({CAM_KINDS[found.kind]})" if found.kind else ""),
            }
            for metric in metrics_of(PAIR):
                line[f"{metric.title} with {reference}"] = _rounded(None if pair is None else pair[metric.name])
            line["Peak"] = None if numbers is None else f"row {numbers.peak[0] + 1}, column {numbers.peak[1] + 1}"
            for metric in metrics_of(MAP):
                line[metric.title] = None if numbers is None else _rounded(numbers.alone[metric.name])
            for place in report.places:
                for metric in metrics_of(PLACE):
                    value = None if numbers is None else numbers.inside[place][metric.name]
                    line[f"{metric.title} in the {place}"] = _rounded(value)
            line["Probe accuracy"] = _rounded(row.probe_accuracy) if name == "cam" else None
            lines.append(line)
    return pd.DataFrame(lines).dropna(axis="columns", how="all")


def _plot(
    report: LayerReport, lines: Sequence[tuple[str, Reading, dict[str, Any]]], theme: Theme, width: int
) -> go.Figure:
    ink = INKS[theme]
    labels = [row.label.split("·")[0].strip() for row in report.rows]
    if width < 62 * len(labels):
        labels = [str(number) for number in range(1, len(labels) + 1)]
    figure = go.Figure()
    for name, read, style in lines:
        values = [read(row) for row in report.rows]
        if all(value is None for value in values):
            continue
        figure.add_trace(
            go.Scatter(
                x=list(range(len(labels))),
                y=values,
                name=name,
                mode="lines+markers",
                line={"color": style["color"], "dash": style["dash"], "width": 2},
                marker={"symbol": style["symbol"], "size": 8},
                customdata=[row.label for row in report.rows],
                hovertemplate=f"{name}: %{{y:.2f}}<extra></extra>",
                showlegend=True,
            )
        )
    legend = math.ceil(len(figure.data) / max(1, width // _LEGEND_ENTRY)) * _LEGEND_LINE
    figure.update_layout(
        height=PLOT + legend + 24,
        margin={"l": 40, "r": 8, "t": 8, "b": 32 + legend, "autoexpand": False},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": ink.text},
        hovermode="x unified" if len(lines) <= 6 else "closest",
        hoverlabel={"bgcolor": ink.surface, "font": {"color": ink.text}},
        legend={
            "orientation": "h",
            "x": 0,
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
            "entrywidth": _LEGEND_ENTRY - 45,
            "font": {"color": ink.text, "size": 12},
        },
    )
    figure.update_yaxes(gridcolor=ink.grid, zeroline=False, tickfont={"color": ink.muted})
    figure.update_xaxes(
        tickvals=list(range(len(labels))),
        ticktext=labels,
        showgrid=False,
        zeroline=False,
        range=[-0.3, len(labels) - 0.7],
        tickfont={"color": ink.muted},
    )
    return figure


def _styles(theme: Theme) -> Iterator[dict[str, str]]:
    """Line styles that differ: first by colour and symbol, then by dash."""
    colours = (INKS[theme].good, ORANGE, GREEN, VERMILLION, PURPLE, SKY if theme == "light" else "#7f9fd0")
    for dash in (*_DASHES, *_DASHES):
        for colour, symbol in zip(colours, _SYMBOLS, strict=True):
            yield {"color": colour, "dash": dash, "symbol": symbol}


def _agreement(method: str, metric: str) -> Reading:
    def read(row: LayerRow) -> float | None:
        found = row.agreement.get(method)
        return None if found is None else _defined(found[metric])

    return read


def _inside(method: str, place: str, metric: str) -> Reading:
    def read(row: LayerRow) -> float | None:
        numbers = row.maps[method].numbers
        return None if numbers is None else _defined(numbers.inside[place][metric])

    return read


def _defined(value: float | None) -> float | None:
    """None for a missing number and for nan, which both leave a gap."""
    return None if value is None or math.isnan(value) else float(value)


def _rounded(value: float | None) -> float | None:
    known = _defined(value)
    return None if known is None else round(known, 2)
