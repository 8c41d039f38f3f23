"""Activations during training: mean, standard deviation and share near zero, and their histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.colors import to_hex
from plotly.subplots import make_subplots

from dashboard.figures.palette import INKS, Theme, colormap, plotly_scale

if TYPE_CHECKING:
    from analysis.learner.images.activations import ActivationHistory

MEASURES = {"mean": "Mean", "std": "Standard deviation", "near_zero": "Share near zero (≤ 0.05)"}
COLUMNS = 3


def history_chart(history: ActivationHistory, labels: Sequence[str], theme: Theme = "light") -> alt.VConcatChart:
    """Return three plots over the recorded batches, with one line for each layer.

    The first layer is dark, the last one bright. A dashed vertical line separates the phases of training.

    Parameters
    ----------
    labels : readable names of the layers, in the history's order.
    """
    ink = INKS[theme]
    steps = history.mean.shape[1]
    table = pd.DataFrame(
        {
            "layer": np.repeat(np.array(labels, dtype=object), steps),
            "record": np.tile(np.arange(1, steps + 1), len(labels)),
            **{name: getattr(history, name).ravel() for name in MEASURES},
        }
    )
    colour = alt.Color("layer:N", title="Layer", sort=list(labels)).scale(
        domain=list(labels), range=_shades(len(labels), theme)
    )
    colour = colour.legend(labelLimit=260, symbolStrokeWidth=3)
    ends = pd.DataFrame({"record": np.cumsum([count for _, count in history.phases])[:-1] + 0.5})
    rules = alt.Chart(ends).mark_rule(color=ink.muted, strokeDash=[4, 3]).encode(x="record:Q")
    plots = []
    for name, title in MEASURES.items():
        lines = (
            alt.Chart(table, title=alt.Title(title, anchor="start", frame="group", fontSize=13))
            .mark_line(strokeWidth=2)
            .encode(
                x=alt.X("record:Q", title="Training batch").axis(tickMinStep=1, format="d"),
                y=alt.Y(f"{name}:Q", title=None).scale(zero=name == "near_zero").axis(tickCount=5),
                color=colour,
                tooltip=[
                    alt.Tooltip("layer:N", title="Layer"),
                    alt.Tooltip("record:Q", title="Record"),
                    alt.Tooltip(f"{name}:Q", title=title, format=".3f"),
                ],
            )
        )
        plots.append(alt.layer(lines, rules).properties(height=130, width=620))
    return alt.vconcat(*plots, spacing=12)


def _shades(count: int, theme: Theme) -> list[str]:
    """Return colours of Viridis from the first layer to the last, without those close to the page's background."""
    ends = (0.3, 1.0) if theme == "dark" else (0.0, 0.85)
    return [to_hex(colormap("Viridis")(at)) for at in np.linspace(*ends, count)]


def histogram_figure(history: ActivationHistory, labels: Sequence[str], theme: Theme = "light") -> go.Figure:
    """Return one histogram for each layer: training batches to the right, values 0 to 10 upwards.

    fastai calls this the colourful dimension. The colour is the logarithm of the count; each layer has a colour
    scale of its own. The arguments are those of `history_chart`.
    """
    ink = INKS[theme]
    rows = -(-len(labels) // COLUMNS)
    figure = make_subplots(
        rows, COLUMNS, subplot_titles=list(labels), vertical_spacing=0.3 / rows, horizontal_spacing=0.05
    )
    for place, counts in enumerate(history.histogram):
        figure.add_trace(
            go.Heatmap(
                z=np.log1p(counts.T).astype(np.float32),
                x0=1,
                dx=1,
                y0=0.125,
                dy=0.25,
                colorscale=plotly_scale("Magma"),
                showscale=False,
                customdata=counts.T.astype(np.int64),
                hovertemplate="batch %{x}, values near %{y:.2f}: %{customdata:,}<extra></extra>",
            ),
            row=place // COLUMNS + 1,
            col=place % COLUMNS + 1,
        )
    figure.update_annotations(font={"size": 12, "color": ink.text})
    figure.update_xaxes(showgrid=False, zeroline=False, tickfont={"color": ink.muted, "size": 10}, nticks=5)
    figure.update_yaxes(
        showgrid=False,
        zeroline=False,
        tickfont={"color": ink.muted, "size": 10},
        tickvals=[0, 5, 10],
        range=[0, 10],
    )
    figure.update_layout(
        height=150 * rows + 40,
        margin={"l": 28, "r": 8, "t": 28, "b": 24},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hoverlabel={"bgcolor": ink.surface, "font": {"color": ink.text}},
        uirevision="histograms",
    )
    return figure
