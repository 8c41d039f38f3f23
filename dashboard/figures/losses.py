"""How the losses of right and of wrong predictions are distributed."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from analysis.predictions import Histogram
from dashboard.figures.palette import INKS, Theme

WRONG = "Wrong predictions"
RIGHT = "Right predictions"


def loss_histogram(losses: Histogram, theme: Theme = "light") -> alt.VConcatChart:
    """Return two histograms over one loss axis, wrong above right, each with its own count axis.

    Many right predictions have a loss near zero; on one count axis they would hide the few wrong ones.
    """
    ink = INKS[theme]
    span = [0, float(losses.edges[-1])]
    wrong = _bars(losses.edges, losses.wrong, span, ink.bad, WRONG, None)
    right = _bars(losses.edges, losses.right, span, ink.good, RIGHT, "Loss")
    return alt.vconcat(wrong, right, spacing=8)


def _bars(
    edges: np.ndarray, counts: np.ndarray, span: list[float], colour: str, title: str, axis: str | None
) -> alt.Chart:
    table = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "count": counts})
    return (
        alt.Chart(table[table["count"] > 0], title=alt.Title(title, anchor="start", fontSize=13))
        .mark_bar(binSpacing=1, color=colour)
        .encode(
            x=alt.X("low:Q", title=axis, bin="binned", scale=alt.Scale(domain=span)).axis(
                labels=axis is not None, tickCount=8
            ),
            x2="high:Q",
            y=alt.Y("count:Q", title="Images", axis=alt.Axis(tickCount=4, tickMinStep=1, format="d")),
            tooltip=[
                alt.Tooltip("low:Q", title="Loss from", format=".2f"),
                alt.Tooltip("high:Q", title="to", format=".2f"),
                alt.Tooltip("count:Q", title=title),
            ],
        )
        .properties(height=100)
    )
