"""How well two colours can be told apart: the contrast ratio of WCAG 2.2."""

from __future__ import annotations

import numpy as np


def rgb(colour: str) -> np.ndarray:
    """Return a hex colour as three parts from 0 to 1."""
    return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255


def luminance(colour: np.ndarray) -> float:
    """Return WCAG's relative luminance."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(first: np.ndarray, second: np.ndarray) -> float:
    """Return the contrast ratio, 1 to 21."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
