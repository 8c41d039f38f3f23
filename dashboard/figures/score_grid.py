"""The class score at every location, written over the photo."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from dashboard.figures.grid import fitting_grid
from dashboard.figures.hover import Hover
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.overlay import axes_of, heat_map, panel_title, photo_panels
from dashboard.figures.panels import single_panel, with_one_range
from dashboard.figures.tiles import overlay

NARROWEST = 260  # pixels of a panel, so that the numbers in its cells can be read
MOST_CELLS = 14  # rows or columns; with more of them the numbers would overlap


def score_grid_figure(
    image: np.ndarray, titles: Sequence[str], maps: Sequence[np.ndarray], options: LayerViewOptions
) -> go.Figure:
    """Return one panel for each class, all in one colour range, with the score written in each cell.

    Maps of more than `MOST_CELLS` rows or columns have no numbers.

    Parameters
    ----------
    image : the photo, uint8 (H, W, 3).
    titles, maps : name and scores (h, w) of each class.
    """
    panels = with_one_range(
        [single_panel(title, values, options) for title, values in zip(titles, maps, strict=True)], options.relu
    )
    height, width = image.shape[:2]
    grid = fitting_grid(len(panels), options.width, NARROWEST, height / width)
    hover = Hover((height, width), [values.shape for values in maps])
    figure = photo_panels(image, grid, hover, options)
    for number, content in enumerate(panels):
        column = grid.place(number)[1]
        figure.add_trace(heat_map(content, number, grid, hover, options, (column, column)))
        assert content.values is not None
        if max(content.values.shape) <= MOST_CELLS:
            figure.add_trace(_numbers(image, content.values, axes_of(number, grid), options.opacity))
    figure.update_layout(
        annotations=[panel_title(number, content.title, grid, options) for number, content in enumerate(panels)],
        uirevision=f"scores-{grid.columns}",
    )
    return figure


def _numbers(image: np.ndarray, values: np.ndarray, axes: dict[str, str], opacity: float) -> go.Scatter:
    """Return the scores, each in the middle of its cell: black on a bright picture, white on a dark one."""
    rows, columns = values.shape
    height, width = image.shape[:2]
    background = overlay(image, values, opacity, smooth=False).mean(axis=2)
    middles = [
        ((column + 0.5) * width / columns, (row + 0.5) * height / rows)
        for row in range(rows)
        for column in range(columns)
    ]
    dark = [
        part[:, int(column * width / columns) : int((column + 1) * width / columns)].mean() < 125
        for row in range(rows)
        for part in [background[int(row * height / rows) : int((row + 1) * height / rows)]]
        for column in range(columns)
    ]
    return go.Scatter(
        x=[x for x, _ in middles],
        y=[y for _, y in middles],
        text=[f"{value:.1f}" for value in values.ravel()],
        mode="text",
        textfont={"size": 13, "color": ["white" if is_dark else "black" for is_dark in dark]},
        hoverinfo="skip",
        showlegend=False,
        **axes,
    )
