"""How the losses of right and of wrong predictions are distributed."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from dashboard.figures.palette import INKS, Theme

BINS = 30
WRONG = "Wrong predictions"
RIGHT = "Right predictions"


def loss_bins(predictions: pd.DataFrame, bins: int = BINS) -> pd.DataFrame:
    """Count the losses in equal bins, separately for right and wrong predictions.

    Parameters
    ----------
    predictions : columns label, predicted and loss. Losses that are not finite are left out.

    Returns
    -------
    table : columns kind (`RIGHT` or `WRONG`), low and high (the bin's edges), count.
    """
    finite = predictions[np.isfinite(predictions["loss"])]
    top = float(finite["loss"].max()) if len(finite) else 0.0
    edges = np.linspace(0.0, top if top > 0 else 1.0, bins + 1)
    wrong = (finite["label"] != finite["predicted"]).to_numpy()
    tables = []
    for kind, chosen in ((WRONG, wrong), (RIGHT, ~wrong)):
        counts, _ = np.histogram(finite["loss"].to_numpy()[chosen], bins=edges)
        tables.append(pd.DataFrame({"kind": kind, "low": edges[:-1], "high": edges[1:], "count": counts}))
    return pd.concat(tables, ignore_index=True)


def loss_histogram(predictions: pd.DataFrame, theme: Theme = "light") -> alt.VConcatChart:
    """Return two histograms over one loss axis, wrong above right, each with its own count axis.

    Many right predictions have a loss near zero; on one count axis they would hide the few wrong ones.
    """
    ink = INKS[theme]
    table = loss_bins(predictions)
    span = [0, float(table["high"].max())]
    wrong = _bars(table[table["kind"] == WRONG], span, ink.bad, WRONG, None)
    right = _bars(table[table["kind"] == RIGHT], span, ink.good, RIGHT, "Loss")
    return alt.vconcat(wrong, right, spacing=8)


def _bars(table: pd.DataFrame, span: list[float], colour: str, title: str, axis: str | None) -> alt.Chart:
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
