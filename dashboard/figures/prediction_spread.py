"""One picture predicted many times: how the probability varies in evaluation mode and in training mode."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from dashboard.figures.palette import INKS, Theme

EVALUATION, TRAINING = "model.eval()", "model.train()"


def spread_chart(
    evaluation: np.ndarray, training: np.ndarray, name: str, theme: Theme = "light"
) -> alt.LayerChart:
    """Return one line for each mode, with a tick for each prediction and a diamond for the mean.

    Parameters
    ----------
    evaluation, training : probabilities (0 to 1) of one class, (N,) each, in the order of the predictions.
    name : the class.
    """
    ink = INKS[theme]
    table = pd.concat(
        [
            pd.DataFrame({"mode": mode, "probability": values, "turn": np.arange(1, len(values) + 1)})
            for mode, values in ((EVALUATION, evaluation), (TRAINING, training))
        ]
    )
    base = alt.Chart(table).encode(
        y=alt.Y("mode:N", sort=[EVALUATION, TRAINING], title=None).axis(labelLimit=160, ticks=False),
        color=alt.Color("mode:N", legend=None).scale(domain=[EVALUATION, TRAINING], range=[ink.good, ink.bad]),
    )
    x = alt.X("probability:Q", title=f"Probability of {name}", scale=alt.Scale(domain=[0, 1])).axis(format="%")
    ticks = base.mark_tick(thickness=2, size=26, opacity=0.65).encode(
        x=x,
        tooltip=[
            alt.Tooltip("mode:N", title="Mode"),
            alt.Tooltip("turn:Q", title="Prediction"),
            alt.Tooltip("probability:Q", title="Probability", format=".2%"),
        ],
    )
    means = base.mark_point(filled=True, size=90, shape="diamond", opacity=1, stroke=ink.text).encode(
        x=alt.X("mean(probability):Q")
    )
    return alt.LayerChart(layer=[ticks, means], height=alt.Step(48), width="container")
