"""Linked panels of one photo with a map over each, for every figure of maps."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.figures.grid import MARGIN, Grid
from dashboard.figures.hover import HOVER_FORMAT, Hover
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.palette import INKS, plotly_scale
from dashboard.figures.panels import Panel
from dashboard.figures.picture import photo_uri

CONFIG = {
    "displaylogo": False,
    "showSendToCloud": False,  # on by default: one click would upload the picture
    "doubleClick": "reset",
    "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d", "zoomIn2d", "zoomOut2d", "toImage"],
}
"""The `config` to give `st.plotly_chart` with these figures."""

BAR_OFFSET = 6  # pixels between a panel and the colour bar under it
FEW_TICKS_WIDTH = 220  # pixels; a narrower panel has room for few numbers under its colour bar
TITLE_SIZE = 13
LETTER_WIDTH = 7.4  # pixels of a bold letter of that size, on average


def axis_number(index: int) -> str:
    """Return Plotly's suffix of an axis: "", "2", "3", ..."""
    return "" if index == 0 else str(index + 1)


def photo_panels(
    image: np.ndarray, grid: Grid, hover: Hover, options: LayerViewOptions, top: int = 0, bottom: int = MARGIN
) -> go.Figure:
    """Return a figure with linked panels that show the photo and no map yet; zooming one panel zooms all.

    The panels of a column share an x axis, those of a row a y axis. Both axes count pixels of the picture, with
    (0, 0) at the top left.

    Parameters
    ----------
    image : the photo, uint8 (H, W, 3).
    top, bottom : pixels to leave free above and below the panels.
    """
    height, width = image.shape[:2]
    ink = INKS[options.theme]
    figure = go.Figure()
    common = {
        "showgrid": False,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "showticklabels": False,
        "hoverformat": HOVER_FORMAT,
        "constrain": "domain",
    }
    for column in range(grid.columns):
        figure.update_layout(
            {
                f"xaxis{axis_number(column)}": {
                    **common,
                    **({} if column == 0 else {"matches": "x"}),
                    "domain": grid.x_domain(column),
                    "range": [0, width],
                    "anchor": "y",
                    "labelalias": hover.columns(),
                }
            }
        )
    for row in range(grid.rows):
        figure.update_layout(
            {
                f"yaxis{axis_number(row)}": {
                    **common,
                    **({"scaleanchor": "x"} if row == 0 else {"matches": "y"}),
                    "domain": grid.y_domain(row),
                    "range": [height, 0],
                    "constraintoward": "bottom",
                    "anchor": "x",
                    "labelalias": hover.rows(),
                }
            }
        )
    uri = photo_uri(image)
    for panel in range(grid.panels):
        figure.add_layout_image(
            source=uri,
            **axes_of(panel, grid, "ref"),
            x=0,
            y=0,
            sizex=width,
            sizey=height,
            sizing="stretch",
            layer="below",
        )
    figure.update_layout(
        height=round(grid.height) + top + bottom,
        margin={"l": MARGIN, "r": MARGIN, "t": top, "b": bottom, "autoexpand": False},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": ink.text},
        dragmode="zoom",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": ink.muted, "activecolor": ink.text},
    )
    return figure


def axes_of(panel: int, grid: Grid, what: str = "axis", suffix: str = "") -> dict[str, str]:
    """Return the panel's axes as Plotly names them: `{"xaxis": "x2", "yaxis": "y"}`, or xref and yref."""
    row, column = grid.place(panel)
    return {f"x{what}": f"x{axis_number(column)}{suffix}", f"y{what}": f"y{axis_number(row)}{suffix}"}


def heat_map(
    content: Panel,
    panel: int,
    grid: Grid,
    hover: Hover,
    options: LayerViewOptions,
    bar: tuple[int, int] | None,
    visible: bool = True,
) -> go.Heatmap:
    """Return a panel's map at its own resolution, stretched over the picture by x0, dx, y0 and dy.

    Parameters
    ----------
    content : the panel; it must have values (h, w).
    panel : its number in the grid, from 0.
    bar : the first and the last column over which its colour bar runs, or None for no bar.
    visible : whether the map is visible at first.
    """
    assert content.values is not None
    height, width = hover.picture
    rows, columns = shape = content.values.shape
    row, column = grid.place(panel)
    first, last = bar or (column, column)
    left, right = grid.x_domain(first)[0], grid.x_domain(last)[1]
    return go.Heatmap(
        z=np.ascontiguousarray(content.values, dtype=np.float32),
        x0=width / columns / 2 + hover.shift(shape),
        dx=width / columns,
        y0=height / rows / 2 + hover.shift(shape),
        dy=height / rows,
        **axes_of(panel, grid),
        zmin=content.low,
        zmax=content.high,
        zmid=0 if content.low < 0 else None,
        colorscale=plotly_scale(content.scale),
        zsmooth="best" if options.smooth else False,
        opacity=options.opacity,
        visible=visible,
        hovertemplate="<b>%{z:.4g}</b><br>%{y}<br>%{x}<extra></extra>",
        showscale=bar is not None,
        colorbar={
            "orientation": "h",
            "x": (left + right) / 2,
            "xanchor": "center",
            "len": 0.9 * (right - left),  # the numbers at its ends are wider than the bar
            "y": grid.y_domain(row)[0],
            "yanchor": "top",
            "ypad": BAR_OFFSET,
            "xpad": 0,
            "thickness": 9,
            "outlinewidth": 0,
            "nticks": 5 if grid.panel_width < FEW_TICKS_WIDTH else 6,
            "exponentformat": "power",
            "tickfont": {"color": INKS[options.theme].muted, "size": 11},
        },
    )


def title_lines(titles: list[str], grid: Grid) -> int:
    """Return how many lines the longest of the titles needs above a panel of this grid."""
    return max((len(_title_lines(title, grid)) for title in titles), default=1)


def panel_title(panel: int, text: str, grid: Grid, options: LayerViewOptions, below: str = "") -> dict[str, Any]:
    """Return the title of a panel as an annotation on the panel's upper left corner, wrapped to its width.

    Parameters
    ----------
    below : a second, smaller line, or "".
    """
    lines = "<br>".join(f"<b>{line}</b>" for line in _title_lines(text, grid))
    return {
        "text": f"{lines}<br><span style='font-size:12px'>{below}</span>" if below else lines,
        **axes_of(panel, grid, "ref", " domain"),
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
        "align": "left",
        "showarrow": False,
        "font": {"size": TITLE_SIZE, "color": INKS[options.theme].text},
    }


def panel_note(panel: int, text: str, grid: Grid, options: LayerViewOptions) -> dict[str, Any]:
    """Return an annotation that says in the middle of a panel why it is empty; hidden when `text` is ""."""
    ink = INKS[options.theme]
    return {
        "text": wrapped(text, round(min(grid.panel_width / LETTER_WIDTH, 40))),
        "visible": bool(text),
        **axes_of(panel, grid, "ref", " domain"),
        "x": 0.5,
        "y": 0.5,
        "showarrow": False,
        "bgcolor": ink.surface,
        "bordercolor": ink.grid,
        "borderpad": 6,
        "font": {"size": 12, "color": ink.text},
    }


def wrapped(text: str, width: int = 36) -> str:
    """Break a text into lines of at most `width` characters for a Plotly annotation."""
    return "<br>".join(wrap(text, width, break_on_hyphens=False))


def _title_lines(text: str, grid: Grid) -> list[str]:
    return wrap(text, max(round(grid.panel_width / LETTER_WIDTH), 12)) or [" "]
