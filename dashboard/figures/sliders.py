"""Plotly's own sliders above the panels: they work in the browser, without a request to the server."""

from __future__ import annotations

from typing import Any

from dashboard.figures.grid import Grid
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.palette import INKS

OPACITY_STEP = 5  # percent
MOST_NAMED_STEPS = 10  # more steps than this get numbers, because their names would overlap
LONGEST_NAME = 9  # letters of a tick's name
BESIDE_WIDTH = 600  # pixels; in a narrower figure the opacity slider lies below the layer slider, not beside it
LAYERS_SHARE = 0.66  # of the figure's width, where the two lie beside each other
_LABEL_HEIGHT = 22  # pixels of the text above a slider
_LAYERS_HEIGHT, _OPACITY_HEIGHT = 54, 28  # pixels; only the layer slider has ticks with names
_NAME_WIDTH = 62  # pixels of a tick's name such as "Stage 5"


def height_above(grid: Grid, layers: bool = True) -> int:
    """Return the pixels that the sliders need above the panels.

    Parameters
    ----------
    layers : whether there is a layer slider beside the opacity slider.
    """
    if not layers:
        return _LABEL_HEIGHT + _OPACITY_HEIGHT
    return _LABEL_HEIGHT + _LAYERS_HEIGHT + (0 if _beside(grid) else _LABEL_HEIGHT + _OPACITY_HEIGHT)


def step_labels(labels: list[str], grid: Grid) -> list[str]:
    """Return short names for the slider's ticks: each label up to its first "·", or numbers if these are long."""
    names = [label.split("·")[0].strip() for label in labels]
    room = grid.inner_width * (LAYERS_SHARE if _beside(grid) else 1) / max(len(names), 1)
    if len(names) > MOST_NAMED_STEPS or any(len(name) > LONGEST_NAME for name in names) or room < _NAME_WIDTH:
        return [str(number) for number in range(1, len(names) + 1)]
    return names


def layer_slider(
    steps: list[tuple[str, list[Any]]], active: int, grid: Grid, options: LayerViewOptions
) -> dict[str, Any]:
    """Return the slider through the layers.

    Parameters
    ----------
    steps : label of each layer and the arguments of Plotly's `update`.
    active : index of the layer shown first.
    """
    return {
        **_look(options),
        "active": active,
        "steps": [{"label": label, "method": "update", "args": args} for label, args in steps],
        "x": 0,
        "len": LAYERS_SHARE if _beside(grid) else 1,
        "y": _height(height_above(grid) - _LABEL_HEIGHT, grid),
    }


def layer_name(text: str, grid: Grid, options: LayerViewOptions) -> dict[str, Any]:
    """Return the text above the layer slider as an annotation."""
    return _annotation(text, 0, height_above(grid), 14, grid, options)


def opacity_slider(maps: int, grid: Grid, options: LayerViewOptions, layers: bool = True) -> dict[str, Any]:
    """Return the slider for the opacity of all maps.

    It works in the browser, because a new figure would lose the layer and the zoom.

    Parameters
    ----------
    maps : how many; they are the figure's first traces.
    layers : whether there is a layer slider too.
    """
    beside = layers and _beside(grid)
    steps = [
        {"label": "", "method": "restyle", "args": [{"opacity": percent / 100}, list(range(maps))]}
        for percent in range(0, 101, OPACITY_STEP)
    ]
    return {
        **_look(options),
        "active": round(options.opacity * 100 / OPACITY_STEP),
        "steps": steps,
        "x": LAYERS_SHARE + 0.04 if beside else 0,
        "len": 0.96 - LAYERS_SHARE if beside else min(1.0, 300 / grid.inner_width),
        "y": _height((height_above(grid) if beside else _OPACITY_HEIGHT + _LABEL_HEIGHT) - _LABEL_HEIGHT, grid),
        "ticklen": 0,
        "minorticklen": 0,
    }


def opacity_name(grid: Grid, options: LayerViewOptions, layers: bool = True) -> dict[str, Any]:
    """Return the text above the opacity slider as an annotation."""
    beside = layers and _beside(grid)
    above = height_above(grid) if beside else _OPACITY_HEIGHT + _LABEL_HEIGHT
    return _annotation("Opacity", LAYERS_SHARE + 0.04 if beside else 0, above, 12, grid, options)


def _beside(grid: Grid) -> bool:
    """Return whether the two sliders lie beside each other."""
    return grid.width >= BESIDE_WIDTH


def _height(pixels: float, grid: Grid) -> float:
    """Convert pixels above the panels to Plotly's paper coordinates."""
    return 1 + pixels / grid.height


def _annotation(
    text: str, x: float, above: int, size: int, grid: Grid, options: LayerViewOptions
) -> dict[str, Any]:
    return {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": x,
        "y": _height(above, grid),
        "xanchor": "left",
        "yanchor": "top",
        "showarrow": False,
        "font": {"size": size, "color": INKS[options.theme].text},
    }


def _look(options: LayerViewOptions) -> dict[str, Any]:
    """Return what both sliders have in common."""
    ink = INKS[options.theme]
    return {
        "yanchor": "top",
        "pad": {"t": 0, "b": 0, "l": 6, "r": 6},
        "currentvalue": {"visible": False},
        "bgcolor": ink.grid,
        "activebgcolor": ink.muted,
        "bordercolor": ink.muted,
        "tickcolor": ink.muted,
        "font": {"size": 12, "color": ink.text},
        "transition": {"duration": 0},
    }
