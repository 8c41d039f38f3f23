"""The photo under the maps and the outlines over them, in a form that a browser can draw."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import cast

import numpy as np
from contourpy import contour_generator
from PIL import Image


def photo_uri(image: np.ndarray, quality: int = 85) -> str:
    """Return a uint8 (H, W, 3) picture as a JPEG data URI: about 10 to 25 KB for 224 x 224 pixels."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def outline(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the outline of a mask, bool (H, W), as x and y, float32, in pixels (0 to W and 0 to H).

    NaN stands between separate pieces; Plotly and matplotlib both draw it as a gap. Both arrays are empty for an
    empty mask.
    """
    padded = np.pad(mask.astype(np.float64), 1)  # closes the outline of an object that the frame cuts
    # line type "Separate": one array of points (N, 2) for each piece
    pieces = cast(list[np.ndarray], contour_generator(z=padded, line_type="Separate").lines(0.5))
    if not pieces:
        return np.empty(0, np.float32), np.empty(0, np.float32)
    gap = np.full((1, 2), np.nan)
    points = np.concatenate([part for piece in pieces for part in (piece - 0.5, gap)])[:-1]
    return points[:, 0].astype(np.float32), points[:, 1].astype(np.float32)
