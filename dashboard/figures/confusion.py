"""The confusion matrix as a chart whose cells can be clicked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from dashboard.figures.palette import INKS, Theme

CELL = "cell"
"""Name of the selection: `event.selection["cell"]` is `[{"true": ..., "predicted": ...}]` after a click."""

FAINTEST = 0.18  # shade of the rarest count: an error that happened once must be visible among hundreds


def confusion_cells(matrix: pd.DataFrame | np.ndarray, class_names: Sequence[str]) -> pd.DataFrame:
    """Return one row for each cell: true, predicted, count, share, shade and kind.

    The share is the cell's part of all images of its true class. The shade is what the colour shows: for right
    predictions the share, 0 to 1; for errors the share relative to the largest share of any error, -1 to 0.
    It is 0 where the count is 0, and at least `FAINTEST` in size elsewhere.

    Parameters
    ----------
    matrix : counts, classes x classes: true classes in rows, predicted classes in columns.
    class_names : in the order of the rows and columns.

    Raises
    ------
    ValueError : when the matrix is not classes x classes.
    """
    counts = np.asarray(matrix, dtype=np.int64)
    classes = len(class_names)
    if counts.shape != (classes, classes):
        raise ValueError(
            f"a confusion matrix of {classes} classes must be {classes} x {classes}, got {counts.shape}"
        )
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    right = np.eye(classes, dtype=bool)
    worst = share[~right].max(initial=0.0) or 1.0
    strength = np.where(right, share, share / worst)
    strength = np.where(counts > 0, FAINTEST + (1 - FAINTEST) * strength, 0.0)
    names = np.array(class_names, dtype=object)
    return pd.DataFrame(
        {
            "true": np.repeat(names, classes),
            "predicted": np.tile(names, classes),
            "count": counts.ravel(),
            "share": share.ravel(),
            "shade": np.where(right, strength, -strength).ravel(),
            "kind": np.where(right, "right", "wrong").ravel(),
        }
    )


def confusion_chart(
    matrix: pd.DataFrame | np.ndarray, class_names: Sequence[str], theme: Theme = "light"
) -> alt.LayerChart:
    """Return the confusion matrix with true classes in rows and predicted classes in columns.

    Blue is right, orange is wrong; a darker cell holds more of its true class. A click on a cell selects it under
    the name `CELL`, a double click clears the selection. The arguments are those of `confusion_cells`.
    """
    ink = INKS[theme]
    cells = confusion_cells(matrix, class_names)
    names = [str(name) for name in class_names]
    many = len(names) > 12
    step = 18 if many else max(56, min(110, 320 // len(names)))
    size = 10 if many else 16
    click = alt.selection_point(name=CELL, fields=["true", "predicted"], on="click", empty=True)
    axis: dict[str, Any] = {
        "labelLimit": 260,
        "labelOverlap": False,
        "labelFlush": False,
        "labelFontSize": 11 if many else 13,
        "domain": False,
    }
    base = alt.Chart(cells).encode(
        x=alt.X("predicted:N", sort=names, title="Predicted class").axis(
            labelAngle=-90 if many else 0, orient="top", ticks=False, **axis
        ),
        y=alt.Y("true:N", sort=names, title="True class").axis(ticks=False, **axis),
        tooltip=[
            alt.Tooltip("true:N", title="True class"),
            alt.Tooltip("predicted:N", title="Predicted class"),
            alt.Tooltip("count:Q", title="Images"),
            alt.Tooltip("share:Q", title="Share of the true class", format=".1%"),
        ],
    )
    rectangles = base.mark_rect(cursor="pointer", stroke=ink.grid, strokeWidth=0.5).encode(
        color=alt.Color("shade:Q", legend=None).scale(
            domain=[-1, 0, 1], range=[ink.bad, ink.surface, ink.good], interpolate="rgb"
        ),
        opacity=alt.when(click).then(alt.value(1.0)).otherwise(alt.value(0.45)),
    )
    strong = "abs(datum.shade) > 0.55"
    on_strong = "white" if theme == "light" else "black"
    text = (
        base.transform_filter("datum.count > 0" if many else "true")
        .mark_text(fontSize=size, fontWeight="bold", cursor="pointer")
        .encode(
            text=alt.Text("count:Q"),
            color=alt.condition(strong, alt.value(on_strong), alt.value(ink.text)),
        )
    )
    return alt.LayerChart(layer=[rectangles.add_params(click), text], width=alt.Step(step), height=alt.Step(step))
