"""Bars of words and phrases: to the right for the explained class, to the left against it."""

from __future__ import annotations

import json

import altair as alt
import pandas as pd

from dashboard.figures.palette import INKS, Theme
from dashboard.figures.words_colours import word_colours

SIGNED = ("contribution", "low", "high", "valence")
COUNTS = ("occurrences", "reviews", "mistakes", "decisive")
LONGEST = 60  # characters of a phrase


def word_bars(table: pd.DataFrame, name: str, title: str, theme: Theme = "light") -> alt.LayerChart:
    """Return a bar for each row of a table, in the table's order.

    Parameters
    ----------
    table : columns `name` and contribution; with columns low and high a thin line shows the interval; the columns
        of `SIGNED` and `COUNTS` appear in the tooltip.
    name : the column that holds the words.
    title : of the axis of contributions.
    """
    ink, colours = INKS[theme], word_colours(theme)
    numbered = table.reset_index(drop=True)
    order = list(range(len(numbered)))
    # Rows are identified by their number, because two phrases may be the same words.
    numbered["row"] = order
    text = numbered[name].astype(str).str.slice(0, LONGEST).tolist()
    y = alt.Y("row:O", sort=order, title=None).axis(
        labelExpr=f"{json.dumps(text)}[datum.value]",  # Vega's expressions write strings as JSON does
        labelLimit=240,
        labelOverlap=False,
        labelFlush=False,
        ticks=False,
    )
    others = [
        alt.Tooltip(f"{column}:Q", title=column.capitalize(), format="+.3f" if column in SIGNED else ",")
        for column in numbered.columns
        if column in (*SIGNED, *COUNTS)
    ]
    base = alt.Chart(numbered).encode(y=y)
    bars = base.mark_bar().encode(
        x=alt.X("contribution:Q", title=title),
        color=alt.condition("datum.contribution > 0", alt.value(colours.speaks_for), alt.value(colours.against)),
        tooltip=[alt.Tooltip(f"{name}:N", title=name.capitalize()), *others],
    )
    layers: list[alt.Chart] = [bars]
    if {"low", "high"} <= set(numbered.columns):
        layers.append(base.mark_rule(color=ink.text, strokeWidth=1.5).encode(x="low:Q", x2="high:Q"))
    return alt.LayerChart(layer=layers, height=alt.Step(20), width="container")
