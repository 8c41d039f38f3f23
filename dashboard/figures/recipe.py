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
    return alt.layer(squares, labels).properties(width=alt.Step(52), height=alt.Step(26))


def spread_of_correlations(rows: pd.DataFrame, order: Sequence[str], theme: Theme = "light") -> alt.LayerChart:
    """Return a chart with one tick for each picture and change, and a diamond for the median of each change.

    `rows` has the columns path, change and correlation (with the standard map). A change that raises an error on
    every picture has an empty line.
    """
    ink = INKS[theme]
    correlations = rows.dropna(subset=["correlation"])[["path", "change", "correlation"]]
    y = alt.Y("change:N", sort=list(order), title=None).scale(domain=list(order))
    y = y.axis(labelLimit=220, labelOverlap=False, ticks=False, grid=True, gridColor=ink.grid, gridDash=[2, 3])
    base = alt.Chart(correlations).encode(y=y)
    x = alt.X("correlation:Q", title="Correlation with the standard map", scale=alt.Scale(domain=[-1, 1]))
    ticks = base.mark_tick(thickness=1.5, size=16, opacity=0.35, color=ink.good).encode(
        x=x,
        tooltip=[
            alt.Tooltip("path:N", title="Picture"),
            alt.Tooltip("change:N", title="Change"),
            alt.Tooltip("correlation:Q", title="Correlation", format=".3f"),
        ],
    )
    medians = base.mark_point(filled=True, shape="diamond", size=110, color=ink.bad, opacity=1).encode(
        x=alt.X("median(correlation):Q"),
        tooltip=[alt.Tooltip("median(correlation):Q", title="Median", format=".3f")],
    )
    return alt.layer(ticks, medians).properties(height=alt.Step(26), width="container")
