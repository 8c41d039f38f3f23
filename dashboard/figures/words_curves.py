"""Deletion and insertion: how the probability changes as words are removed or added, in two orders."""

from __future__ import annotations

import altair as alt
import pandas as pd

from dashboard.figures.palette import INKS, Theme

ORDERS = {"contribution": "Strongest words first", "random": "Random order"}
KINDS = {"deletion": "Share of the words taken out", "insertion": "Share of the words put in"}


def curves_chart(curves: pd.DataFrame, kind: str, theme: Theme = "light") -> alt.LayerChart:
    """Return the mean curves of one kind: strongest words first, and in random order.

    Parameters
    ----------
    curves : columns order ("contribution" or "random"), kind, fraction (0 to 1) and probability (0 to 1).
    kind : "deletion" or "insertion".
    """
    ink = INKS[theme]
    names = list(ORDERS.values())
    rows = curves[curves["kind"] == kind]
    legend = alt.Legend(orient="bottom", symbolType="stroke")
    base = alt.Chart(rows.assign(order=rows["order"].map(ORDERS))).encode(
        x=alt.X("fraction:Q", title=KINDS[kind]).axis(format="%", tickCount=5),
        y=alt.Y("probability:Q", title="Probability").axis(format="%").scale(domain=[0, 1]),
        color=alt.Color("order:N", title=None, legend=legend).scale(domain=names, range=[ink.good, ink.bad]),
        tooltip=[
            alt.Tooltip("order:N", title="Order"),
            alt.Tooltip("fraction:Q", title=KINDS[kind], format=".0%"),
            alt.Tooltip("probability:Q", title="Probability", format=".1%"),
        ],
    )
    dash = alt.StrokeDash("order:N", title=None, legend=None).scale(domain=names, range=[[1, 0], [6, 4]])
    lines = base.mark_line(strokeWidth=2.5).encode(strokeDash=dash)
    return alt.LayerChart(layer=[lines, base.mark_circle(size=45)], height=360, width="container")
