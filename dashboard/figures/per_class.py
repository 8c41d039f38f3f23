"""Precision and recall of every class."""

from __future__ import annotations

import altair as alt
import pandas as pd

from dashboard.figures.palette import INKS, ORANGE, Theme

NAMES = {"precision": "Precision", "recall": "Recall"}


def per_class_chart(table: pd.DataFrame, theme: Theme = "light") -> alt.LayerChart:
    """Return one line for each class, with a dot for its precision and one for its recall, worst recall first.

    Parameters
    ----------
    table : columns class, precision, recall (0 to 1) and support (number of images). The precision of a class that
        was never predicted is NaN; it gets no dot.
    """
    ink = INKS[theme]
    order = table.sort_values("recall")["class"].tolist()
    long = table.melt(["class", "support"], list(NAMES), var_name="measure", value_name="value").dropna()
    long["measure"] = long["measure"].map(NAMES)
    y = alt.Y("class:N", sort=order, title=None).axis(
        labelLimit=260, labelOverlap=False, labelFlush=False, ticks=False
    )
    x = alt.X("value:Q", title=None, scale=alt.Scale(domain=[0, 1])).axis(format="%", tickCount=5)
    span = alt.Chart(long).mark_line(color=ink.grid, strokeWidth=3).encode(x=x, y=y, detail="class:N")
    dots = (
        alt.Chart(long)
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            x=x,
            y=y,
            color=alt.Color("measure:N", title=None, legend=alt.Legend(orient="top")).scale(
                domain=list(NAMES.values()), range=[ink.good, ORANGE]
            ),
            shape=alt.Shape("measure:N", title=None).scale(
                domain=list(NAMES.values()), range=["circle", "diamond"]
            ),
            tooltip=[
                alt.Tooltip("class:N", title="Class"),
                alt.Tooltip("measure:N", title="Measure"),
                alt.Tooltip("value:Q", title="Value", format=".1%"),
                alt.Tooltip("support:Q", title="Images of the class"),
            ],
        )
    )
    step = 20 if len(order) > 12 else 34
    return alt.LayerChart(layer=[span, dots], height=alt.Step(step), width="container")
