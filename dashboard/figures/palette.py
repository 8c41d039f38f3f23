"""Colours that colour-blind people can tell apart, for both themes, and the colour scales of the maps.

The categorical colours are those of Okabe and Ito (2008), "Color Universal Design". Maps use perceptual
scales when they have one sign and diverging scales around zero when they have two; rainbow scales (Jet)
invent edges that are not in the data and are not offered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap

Theme = Literal["light", "dark"]

BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
ORANGE = "#E69F00"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"

SEQUENTIAL = ("Magma", "Viridis", "Cividis")
DIVERGING = ("RdBu", "PuOr", "BrBG")

# Matplotlib's names; the diverging scales are reversed so that their warm or strong end is the positive one.
_MATPLOTLIB = {
    "Magma": "magma",
    "Viridis": "viridis",
    "Cividis": "cividis",
    "RdBu": "RdBu_r",
    "PuOr": "PuOr_r",
    "BrBG": "BrBG_r",
}


@dataclass(frozen=True)
class Ink:
    """The colours of a theme that a chart draws with, in hex.

    Attributes
    ----------
    text, muted : of words, and of less important words.
    grid : of thin lines.
    surface, faint : of an empty cell, and of an unimportant bar.
    good, bad : of what is right, and of what is wrong.
    """

    text: str
    muted: str
    grid: str
    surface: str
    faint: str
    good: str
    bad: str


INKS: dict[Theme, Ink] = {
    "light": Ink(
        text="#262730",
        muted="#5f6368",
        grid="#d5d8de",
        surface="#f2f3f6",
        faint="#b4b9c2",
        good=BLUE,
        bad=VERMILLION,
    ),
    "dark": Ink(
        text="#fafafa",
        muted="#b0b5bf",
        grid="#464b57",
        surface="#262a33",
        faint="#6c7280",
        good=SKY,
        bad="#F28E4C",
    ),
}


def colour_scales(relu: bool) -> tuple[str, ...]:
    """Return the names of the scales that suit a map: perceptual after ReLU, diverging for a signed map."""
    return SEQUENTIAL if relu else DIVERGING


def colormap(name: str) -> Colormap:
    """Return Matplotlib's colour map of a scale named in `SEQUENTIAL` or `DIVERGING`."""
    return colormaps[_MATPLOTLIB[name]]


def plotly_scale(name: str, stops: int = 17) -> list[list[float | str]]:
    """Return the same colours for Plotly as (position, colour) pairs, so that the page and its PNG agree."""
    at = np.linspace(0.0, 1.0, stops)
    rgb = (colormap(name)(at)[:, :3] * 255).round().astype(int)
    return [[float(position), f"rgb({r},{g},{b})"] for position, (r, g, b) in zip(at, rgb.tolist(), strict=True)]
