"""Outlines of the animal and of the shortcut over every panel, switched on and off in the legend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from dashboard.figures.grid import MARGIN, Grid
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.overlay import axes_of
from dashboard.figures.palette import INKS, ORANGE, SKY
from dashboard.figures.picture import outline

if TYPE_CHECKING:
    from analysis.explain.report.layers import LayerReport

LEGEND_HEIGHT = 34  # pixels of the legend below the panels


def room_below(report: LayerReport) -> int:
    """Return the pixels to leave free below the panels: more where the legend has an outline to name."""
    return (
        LEGEND_HEIGHT
        if any(mask is not None and np.any(mask) for mask in (report.mask, report.shortcut))
        else MARGIN
    )


def add_outlines(figure: go.Figure, report: LayerReport, grid: Grid, options: LayerViewOptions) -> None:
    """Draw the outline of each mask of the report; the options say which of them are visible at first."""
    outlines = (
        ("animal", report.mask, options.animal_outline, SKY, "solid"),
        ("shortcut", report.shortcut, options.shortcut_outline, ORANGE, "dash"),
    )
    for name, mask, visible, colour, dash in outlines:
        if mask is None or not np.any(mask):
            continue
        x, y = outline(mask)
        lines = ({"color": "black", "width": 4}, {"color": colour, "width": 2, "dash": dash})
        for panel in range(grid.panels):
            for line in lines:  # a black line under the coloured one is visible on every colour scale
                figure.add_trace(
                    go.Scatter(
                        x=x,
                        y=y,
                        **axes_of(panel, grid),
                        mode="lines",
                        line=line,
                        name=f"Outline of the {name}",
                        legendgroup=name,
                        visible=True if visible else "legendonly",
                        showlegend=panel == 0 and line is lines[-1],
                        hoverinfo="skip",
                    )
                )
    figure.update_layout(
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
            "font": {"color": INKS[options.theme].text},
        }
    )
