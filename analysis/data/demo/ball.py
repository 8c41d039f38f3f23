"""The demo's shortcut: a shiny red ball with a white band, and its shadow on the ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.data.demo.canvas import SIZE, Array, Colour, ellipse, fill, mix, paint, rasterise, soft_shadow, step

RED: Colour = (214, 34, 38)


def place_shortcut(coverage: Array, feet: float, rng: np.random.Generator) -> tuple[float, float, float]:
    """Choose where the shortcut lies: on the ground, and beside the animal where there is room.

    Of 12 random places the one that hides the least of the animal is chosen.

    Parameters
    ----------
    coverage : (SIZE, SIZE) float in 0..1, how far the animal covers each pixel
    feet : height of the animal's feet, y in pixels

    Returns
    -------
    The centre x, y and the radius, in pixels.
    """
    radius = float(rng.uniform(19.0, 24.0))
    best, least = (radius + 4, SIZE - radius - 4), np.inf
    for _ in range(12):
        x = float(rng.uniform(radius + 3, SIZE - radius - 3))
        y = float(np.clip(feet + rng.uniform(-14, 16) - radius, 90, SIZE - radius - 3))
        x0, x1, y0, y1 = (int(v) for v in (x - radius, x + radius, y - radius, y + radius))
        overlap = float(coverage[max(0, y0) : y1, max(0, x0) : x1].mean())
        if overlap < least:
            best, least = (x, y), overlap
    return *best, radius


def draw_shortcut(
    canvas: Array, place: tuple[float, float, float], light: tuple[float, float], rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Paint the shortcut on `canvas`, in place.

    Parameters
    ----------
    place : centre x, y and radius in pixels, from `place_shortcut`
    light : x and y of the direction towards the light

    Returns
    -------
    The shortcut's mask, and the mask of every pixel that the shortcut or its shadow changes; bool (SIZE, SIZE).
    """
    x, y, r = place
    before = canvas.copy()
    soft_shadow(canvas, ellipse(x - 0.35 * r * light[0], y + 0.92 * r, 1.05 * r, 0.3 * r), 2.5, 0.45)
    patch = rasterise(ellipse(x, y, r, r, n=72))
    px, py = patch.grid()
    u, v = (px - np.float32(x)) / np.float32(r), (py - np.float32(y)) / np.float32(r)
    depth = np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
    turn = rng.uniform(0, np.pi)
    band = np.abs(u * np.cos(turn) + v * np.sin(turn) + 0.25 * depth)
    colour = mix(RED, (244, 240, 232), 1 - step(band.astype(np.float32), 0.13, 0.05))
    facing = np.clip(0.62 * depth + 0.5 * (u * light[0] + v * light[1]), 0, 1)
    colour = colour * (0.5 + 0.62 * facing)[..., None]
    paint(canvas, patch, np.minimum(colour, 255))
    for size, opacity in ((0.26, 0.3), (0.16, 0.45)):
        gleam = ellipse(x + 0.55 * r * light[0], y + 0.55 * r * light[1], size * r, 0.75 * size * r)
        fill(canvas, gleam, (255, 246, 240), opacity)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[patch.rows, patch.columns] = patch.alpha > 0.5
    return mask, np.any(canvas != before, axis=-1)
