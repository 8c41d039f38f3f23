"""The photo under the maps and the outlines over them, in a form a browser draws."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from contourpy import contour_generator
from PIL import Image


def photo_uri(image: np.ndarray, quality: int = 85) -> str:
    """A uint8 (H, W, 3) picture as a JPEG data URI: about 10 to 25 KB for 224 x 224."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def outline(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The outline of a bool (H, W) mask as x and y, float32, in pixel edges (0 to W, 0 to H).

    Separate pieces are joined by NaN, which Plotly and matplotlib both draw as a gap. Both are empty for an
    empty mask.
    """
    padded = np.pad(mask.astype(np.float64), 1)  # so that an object cut by the frame is closed too
    pieces = contour_generator(z=padded).lines(0.5)
    if not pieces:
        return np.empty(0, np.float32), np.empty(0, np.float32)
    gap = np.full((1, 2), np.nan)
    joined = np.concatenate([part for piece in pieces for part in (piece - 0.5, gap)])[:-1]
    return joined[:, 0].astype(np.float32), joined[:, 1].astype(np.float32)
