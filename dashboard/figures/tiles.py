"""A map over its photo as one plain picture, for rows of small multiples that need no zoom."""

from __future__ import annotations

import numpy as np
from PIL import Image

from dashboard.figures.palette import DIVERGING, SEQUENTIAL, colormap


def overlay(photo: np.ndarray, values: np.ndarray, opacity: float = 0.6, smooth: bool = True) -> np.ndarray:
    """Blend the colours of a map with the photo under it.

    A map with a negative value gets a diverging scale, symmetric around zero; any other map gets a sequential
    scale from zero to its maximum. A map of zeros gets the middle of the diverging scale everywhere.

    Parameters
    ----------
    photo : uint8 (H, W, 3).
    values : the map, (h, w).
    opacity : of the map over the photo, 0 to 1.
    smooth : interpolate between the cells instead of showing them as rectangles.

    Returns
    -------
    picture : uint8 (H, W, 3).
    """
    heat = np.asarray(values, dtype=np.float32)
    strongest = float(np.abs(heat).max())
    signed = bool((heat < 0).any()) or strongest == 0
    scaled = heat / (strongest or 1.0)
    size = (photo.shape[1], photo.shape[0])
    resized = np.asarray(
        Image.fromarray(scaled, mode="F").resize(
            size, Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
        )
    )
    position = (resized + 1) / 2 if signed else resized
    colours = colormap(DIVERGING[0] if signed else SEQUENTIAL[0])(np.clip(position, 0, 1))[..., :3] * 255
    return (opacity * colours + (1 - opacity) * photo).round().astype(np.uint8)
