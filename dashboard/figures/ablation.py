"""Charts of the ablation: the outcome of every two changes, and the correlations over a whole set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from dashboard.figures.palette import INKS, SKY, Theme

OUTCOMES = {
    "raises": "PyTorch raises an error",
    "silent": "another map, without any message",
    "harmless": "the same map",
}


def _outcome_colours(theme: Theme) -> list[str]:
    ink = INKS[theme]
    return [ink.faint, ink.bad, SKY]


def pair_chart(
    names: Sequence[str],
    alone: Sequence[tuple[str, float]],
    both: Mapping[tuple[int, int], tuple[str, float]],
    theme: Theme = "light",
) -> alt.LayerChart:
    """Return a matrix of the outcomes of every two changes, with each change alone on the diagonal.

    Parameters
    ----------
    names : the changes, in the order of the axes.
    alone : (outcome, correlation or nan) of each change alone.
    both : {(position, position) in `names`: (outcome, correlation or nan)}.
    """
    ink = INKS[theme]
    cells = {**both, **{(position, position): value for position, value in enumerate(alone)}}
    table = pd.DataFrame(
        [
            {
                "first": names[first],
                "second": names[second],
                "outcome": outcome,
                "meaning": OUTCOMES[outcome],
                "text": "error" if outcome == "raises" else "flat" if math.isnan(related) else f"{related:.2f}",
            }
            for (a, b), (outcome, related) in cells.items()
            for first, second in {(a, b), (b, a)}
        ]
    )
    order = list(names)
    base = alt.Chart(table).encode(
        x=alt.X("first:N", sort=order, title=None).axis(
            orient="top", labelAngle=-40, labelLimit=200, labelOverlap=False, ticks=False
        ),
        y=alt.Y("second:N", sort=order, title=None).axis(labelLimit=200, labelOverlap=False, ticks=False),
        tooltip=[
            alt.Tooltip("second:N", title="Change"),
            alt.Tooltip("first:N", title="with"),
            alt.Tooltip("meaning:N", title="Outcome"),
            alt.Tooltip("text:N", title="Correlation with the standard map"),
        ],
    )
    squares = base.mark_rect(stroke=ink.grid, strokeWidth=1).encode(
        color=alt.Color("outcome:N", title=None)
        .scale(domain=list(OUTCOMES), range=_outcome_colours(theme))
        .legend(orient="bottom", symbolSize=160)
    )
    labels = base.mark_text(fontSize=11, color="black").encode(text="text:N")
    return alt.LayerChart(layer=[squares, labels], width=alt.Step(52), height=alt.Step(26))


def spread_of_correlations(
    counts: pd.DataFrame, medians: pd.DataFrame, order: Sequence[str], theme: Theme = "light"
) -> alt.LayerChart:
    """Return a chart of the correlations with the standard map under each change, with a diamond for the median.

    Parameters
    ----------
    counts : columns change, low, high, pictures and share, one row for each bin that holds pictures.
    medians : columns change and median, which is nan where a change raises an error on every picture.
    order : the changes from top to bottom.
    """
    ink = INKS[theme]
    y = alt.Y("change:N", sort=list(order), title=None).scale(domain=list(order))
    y = y.axis(labelLimit=220, labelOverlap=False, ticks=False, grid=True, gridColor=ink.grid, gridDash=[2, 3])
    x = alt.X("low:Q", title="Correlation with the standard map", scale=alt.Scale(domain=[-1, 1]))
    bars = (
        alt.Chart(counts)
        .mark_bar(height=16, color=ink.good)
        .encode(
            x=x,
            x2="high:Q",
            y=y,
            opacity=alt.Opacity("share:Q", legend=None).scale(type="sqrt", domain=[0, 1], range=[0.15, 1]),
            tooltip=[
                alt.Tooltip("change:N", title="Change"),
                alt.Tooltip("low:Q", title="Correlation from", format=".3f"),
                alt.Tooltip("high:Q", title="to", format=".3f"),
                alt.Tooltip("pictures:Q", title="Pictures", format=","),
            ],
        )
    )
    points = (
        alt.Chart(medians.dropna(subset=["median"])[["change", "median"]])
        .mark_point(filled=True, shape="diamond", size=110, color=ink.bad, opacity=1)
        .encode(
            x=alt.X("median:Q"), y=y, tooltip=[alt.Tooltip("median:Q", title="Median correlation", format=".3f")]
        )
    )
    return alt.LayerChart(layer=[bars, points], height=alt.Step(26), width="container")
