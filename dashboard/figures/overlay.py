"""Linked panels of one photo with a map over each: what the Layers and the Keepdim figures have in common."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

import numpy as np
import plotly.graph_objects as go

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

GAP = 0.03
BAR_OFFSET = 8  # pixels between a panel and the colour bar under it
# Cell centres are the keys by which Plotly looks up what to say when hovering; they need one fixed format.
HOVER_FORMAT = ".3f"


def domain(panel: int, panels: int) -> tuple[float, float]:
    """Left and right edge of a panel (0-based) on paper, 0 to 1."""
    width = (1 - GAP * (panels - 1)) / panels
    left = panel * (width + GAP)
    return left, left + width


def axis_number(panel: int) -> str:
    """Plotly's suffix of the axes of a panel: "", "2", "3"."""
    return "" if panel == 0 else str(panel + 1)


def photo_panels(image: np.ndarray, panels: int, options: LayerViewOptions) -> go.Figure:
    """An empty figure with `panels` linked panels, each on the photo; zooming one zooms all.

    Axes are in pixels of the picture, (0, 0) at the top left, one unit square on screen.
    """
    height, width = image.shape[:2]
    ink = INKS[options.theme]
    figure = go.Figure()
    uri = photo_uri(image)
    common = {
        "showgrid": False,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "showticklabels": False,
        "hoverformat": HOVER_FORMAT,
    }
    for panel in range(panels):
        number = axis_number(panel)
        figure.update_layout(
            {
                f"xaxis{number}": {
                    **common,
                    **({} if panel == 0 else {"matches": "x"}),
                    "domain": domain(panel, panels),
                    "range": [0, width],
                    "constrain": "domain",
                    "anchor": f"y{number}",
                },
                f"yaxis{number}": {
                    **common,
                    **({"scaleanchor": "x"} if panel == 0 else {"matches": "y"}),
                    "range": [height, 0],
                    "constrain": "domain",
                    "constraintoward": "bottom",
                    "anchor": f"x{number}",
                },
            }
        )
        figure.add_layout_image(
            source=uri,
            xref=f"x{number}",
            yref=f"y{number}",
            x=0,
            y=0,
            sizex=width,
            sizey=height,
            sizing="stretch",
            layer="below",
        )
    figure.update_layout(
        height=options.height,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": ink.text},
        dragmode="zoom",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": ink.muted, "activecolor": ink.text},
    )
    return figure


def heat_map(
    content: Panel,
    picture: tuple[int, int],
    place: tuple[int, int],
    options: LayerViewOptions,
    bar: tuple[float, float] | None,
    visible: bool = True,
) -> go.Heatmap:
    """A panel's map (h, w) at its own resolution, stretched over a picture (H, W) by x0, dx, y0, dy.

    place: which panel of how many. bar: left and right end of its colour bar on paper, None for no bar.
    """
    assert content.values is not None
    height, width = picture
    rows, columns = content.values.shape
    left, right = bar or domain(*place)
    number = axis_number(place[0])
    return go.Heatmap(
        z=np.ascontiguousarray(content.values, dtype=np.float32),
        x0=width / columns / 2,
        dx=width / columns,
        y0=height / rows / 2,
        dy=height / rows,
        xaxis=f"x{number}",
        yaxis=f"y{number}",
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
            "len": 0.95 * (right - left),  # the numbers at its ends stick out
            "y": 0,
            "yanchor": "top",
            "ypad": BAR_OFFSET,
            "xpad": 0,
            "thickness": 10,
            "outlinewidth": 0,
            "nticks": 6,
            "exponentformat": "power",
            "tickfont": {"color": INKS[options.theme].muted, "size": 11},
        },
    )


def cell_aliases(cells: int, pixels: int, name: str) -> dict[str, str]:
    """What hovering says for each cell along an axis: centre in pixels -> "row 3 of 7, pixels 64–96".

    Plotly replaces the label of a hovered value by its `labelalias`; a table of h + w texts a layer does
    what a text for each of the h·w cells would do.
    """
    size = pixels / cells
    return {
        f"{(index + 0.5) * size:{HOVER_FORMAT}}": (
            f"{name} {index + 1} of {cells}, pixels {_pixel(index * size)}–{_pixel((index + 1) * size)}"
        )
        for index in range(cells)
    }


def panel_title(panel: int, text: str, options: LayerViewOptions) -> dict[str, Any]:
    """An annotation that sits on a panel's upper left corner, wherever the panel ends up."""
    return {
        "text": f"<b>{text}</b>",
        "xref": f"x{axis_number(panel)} domain",
        "yref": f"y{axis_number(panel)} domain",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
        "align": "left",
        "showarrow": False,
        "font": {"size": 14, "color": INKS[options.theme].text},
    }


def panel_note(panel: int, text: str, options: LayerViewOptions) -> dict[str, Any]:
    """An annotation in the middle of a panel that says why there is nothing to see; hidden when empty."""
    ink = INKS[options.theme]
    return {
        "text": wrapped(text),
        "visible": bool(text),
        "xref": f"x{axis_number(panel)} domain",
        "yref": f"y{axis_number(panel)} domain",
        "x": 0.5,
        "y": 0.5,
        "showarrow": False,
        "bgcolor": ink.surface,
        "bordercolor": ink.grid,
        "borderpad": 6,
        "font": {"size": 13, "color": ink.text},
    }


def wrapped(text: str, width: int = 36) -> str:
    """Text broken into lines for a Plotly annotation."""
    return "<br>".join(wrap(text, width))


def _pixel(edge: float) -> str:
    return f"{edge:.1f}".removesuffix(".0")
