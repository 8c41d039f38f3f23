"""The class probabilities of one picture or review."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from dashboard.figures.palette import INKS, Theme

MOST_BARS = 10
ROLES = ("true and predicted", "true class", "predicted", "other")


def probability_rows(
    class_names: Sequence[str], probabilities: Sequence[float] | np.ndarray, label: str | None, predicted: str
) -> pd.DataFrame:
    """Return the most probable classes, highest first: class, probability and role.

    There are `MOST_BARS` rows at most, and the true class is always among them.

    Parameters
    ----------
    class_names, probabilities : all classes and their probabilities (0 to 1), in the same order.
    label : the true class, or None when it is unknown (an uploaded photo).
    predicted : the predicted class.
    """
    table = pd.DataFrame({"class": list(class_names), "probability": np.asarray(probabilities, dtype=float)})
    table["role"] = [_role(name, label, predicted) for name in table["class"]]
    table = table.sort_values("probability", ascending=False, kind="stable", ignore_index=True)
    top = table.head(MOST_BARS)
    if label is not None and len(table) > MOST_BARS and label not in set(top["class"]):
        return pd.concat([table.head(MOST_BARS - 1), table[table["class"] == label]], ignore_index=True)
    return top


def probabilities_chart(
    class_names: Sequence[str],
    probabilities: Sequence[float] | np.ndarray,
    label: str | None,
    predicted: str,
    theme: Theme = "light",
) -> alt.LayerChart:
    """Return a bar with its value for each row of `probability_rows`, which names the arguments."""
    ink = INKS[theme]
    table = probability_rows(class_names, probabilities, label, predicted)
    present = [role for role in ROLES if role in set(table["role"])]
    colours = dict(zip(ROLES, (ink.good, ink.good, ink.bad, ink.faint), strict=True))
    base = alt.Chart(table).encode(
        y=alt.Y("class:N", sort=table["class"].tolist(), title=None).axis(
            labelLimit=220, labelOverlap=False, labelFlush=False, ticks=False, domain=False
        ),
        # room to the right of a full bar for its value
        x=alt.X("probability:Q", title=None, axis=None, scale=alt.Scale(domain=[0, 1.18])),
        tooltip=[
            alt.Tooltip("class:N", title="Class"),
            alt.Tooltip("probability:Q", title="Probability", format=".2%"),
            alt.Tooltip("role:N", title="Role"),
        ],
    )
    bars = base.mark_bar(height={"band": 0.7}).encode(
        color=alt.Color("role:N", title=None)
        .scale(domain=present, range=[colours[role] for role in present])
        .legend(orient="bottom", columns=1)
    )
    values = base.mark_text(align="left", dx=5, color=ink.text).encode(
        text=alt.Text("probability:Q", format=".1%")
    )
    return alt.LayerChart(layer=[bars, values], height=alt.Step(26), width="container")


def _role(name: str, label: str | None, predicted: str) -> str:
    if name == label:
        return "true and predicted" if name == predicted else "true class"
    return "predicted" if name == predicted else "other"
