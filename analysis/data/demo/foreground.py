"""Objects in front of the animal, which hide a part of it: boxes, cushions, blankets, leaves, grass, logs."""

from __future__ import annotations

import numpy as np

from analysis.data.demo.canvas import (
    SIZE,
    Array,
    ellipse,
    fill,
    lines,
    noise,
    paint,
    rasterise,
    rectangle,
    smooth,
    soft_shadow,
    taper,
)
from analysis.data.demo.rooms import FABRICS

Generator = np.random.Generator


def draw_foreground(canvas: Array, indoor: bool, n_objects: int, feet: float, rng: Generator) -> Array:
    """Paint objects in front of the animal.

    Parameters
    ----------
    indoor : objects of a room, else of a landscape
    feet : height of the animal's feet, y in pixels

    Returns
    -------
    (SIZE, SIZE) float32, how far the objects cover each pixel, 0..1.
    """
    coverage = np.zeros((SIZE, SIZE), np.float32)
    for _ in range(n_objects):
        if indoor:
            draw = (_box, _cushion, _leaves, _blanket)[rng.integers(4)]
        else:
            draw = (_tuft, _leaves, _tuft, _log)[rng.integers(4)]
        coverage = np.maximum(coverage, draw(canvas, feet, rng))
    return coverage


def _cover(canvas: Array, outline: Array, colour: Array, coverage: Array, texture: float, rng: Generator) -> None:
    """Paint a shape with a grain of strength `texture`, and add it to `coverage`."""
    patch = rasterise(outline)
    if patch.empty:
        return
    grain = 1 + np.float32(texture) * noise("mottle", patch.alpha.shape, rng)
    paint(canvas, patch, np.asarray(colour, dtype=np.float32) * grain[..., None])
    under = coverage[patch.rows, patch.columns]
    np.maximum(under, patch.alpha, out=under)


def _side(rng: Generator) -> float:
    """Return an x near the left or the right edge, where an object leaves the animal's face free."""
    return float(rng.choice([rng.uniform(-5, 70), rng.uniform(154, 229)]))


def _box(canvas: Array, feet: float, rng: Generator) -> Array:
    coverage = np.zeros((SIZE, SIZE), np.float32)
    x, y, w, h = _side(rng), feet + rng.uniform(4, 14), rng.uniform(24, 36), rng.uniform(26, 44)
    card = np.array((184, 152, 112)) * rng.uniform(0.85, 1.1)
    soft_shadow(canvas, rectangle(x - w, y - 4, x + w + 4, y + 4), 3, 0.35)
    _cover(canvas, rectangle(x - w, y - h, x + w, y), card, coverage, 0.03, rng)
    _cover(
        canvas,
        np.array([(x - w, y - h), (x - w + 9, y - h - 7), (x + w - 9, y - h - 7), (x + w, y - h)]),
        card * 0.78,
        coverage,
        0.03,
        rng,
    )
    fill(canvas, rectangle(x - 4, y - h, x + 4, y), card * 1.12, 0.8)
    return coverage


def _cushion(canvas: Array, feet: float, rng: Generator) -> Array:
    coverage = np.zeros((SIZE, SIZE), np.float32)
    x, y, w = _side(rng), feet + rng.uniform(0, 10), rng.uniform(26, 40)
    cloth = np.array(FABRICS[rng.integers(len(FABRICS))]) * rng.uniform(0.9, 1.3)
    soft_shadow(canvas, ellipse(x, y + 2, w, 7), 3, 0.35)
    shape = smooth(
        [
            (x - w, y),
            (x - w * 0.9, y - w * 0.75),
            (x, y - w * 0.66),
            (x + w * 0.9, y - w * 0.75),
            (x + w, y),
            (x, y + 4),
        ],
        8,
    )
    _cover(canvas, shape, cloth, coverage, 0.04, rng)
    fill(canvas, (shape - (x, y - w * 0.35)) * 0.72 + (x, y - w * 0.35), cloth * 1.12, 0.6)
    return coverage


def _blanket(canvas: Array, feet: float, rng: Generator) -> Array:
    coverage = np.zeros((SIZE, SIZE), np.float32)
    cloth = np.array(FABRICS[rng.integers(len(FABRICS))]) * rng.uniform(0.95, 1.3)
    y = feet - rng.uniform(2, 16)
    rim = smooth([(-8, y + 6), (50, y - 4), (110, y + 5), (170, y - 3), (232, y + 4)], 8, closed=False)
    _cover(canvas, np.concatenate([rim, [(232, 232), (-8, 232)]]), cloth, coverage, 0.05, rng)
    folds = [
        np.array([(x, y + rng.uniform(4, 20)), (x + rng.uniform(-20, 20), SIZE)]) for x in range(10, SIZE, 36)
    ]
    paint(canvas, lines(folds, 1.4), cloth * 0.8, 0.7)
    return coverage


def _leaves(canvas: Array, feet: float, rng: Generator) -> Array:
    coverage = np.zeros((SIZE, SIZE), np.float32)
    left = bool(rng.random() < 0.5)
    x, y = (-6.0 if left else SIZE + 6.0), rng.uniform(60, 200)
    green = np.array((84, 128, 78)) * rng.uniform(0.75, 1.2)
    for _ in range(int(rng.integers(4, 8))):
        angle = rng.uniform(-1.1, 0.9)
        reach = rng.uniform(34, 66) * (1 if left else -1)
        tip = (x + reach * np.cos(angle), y + abs(reach) * np.sin(angle))
        middle = ((x + tip[0]) / 2, (y + tip[1]) / 2 - 8)
        blade = taper(smooth([(x, y), middle, tip], 6, closed=False), (2, 7, 7, 0.5))
        _cover(canvas, blade, green * rng.uniform(0.75, 1.25), coverage, 0.05, rng)
    return coverage


def _tuft(canvas: Array, feet: float, rng: Generator) -> Array:
    soil = np.array((106, 140, 74)) * rng.uniform(0.85, 1.15)
    coverage = np.zeros((SIZE, SIZE), np.float32)
    x0 = rng.uniform(-10, 190)
    width = rng.uniform(40, 110)
    for _ in range(34):
        x, tall = x0 + rng.random() * width, rng.uniform(12, 30)
        lean = rng.normal(0, 6)
        y = feet + rng.uniform(3, 12)
        blade = taper(
            smooth([(x, y), (x + 0.3 * lean, y - 0.6 * tall), (x + lean, y - tall)], 5, closed=False),
            (1.5, 1.2, 0.2),
        )
        _cover(canvas, blade, soil * rng.uniform(0.75, 1.3), coverage, 0.0, rng)
    return coverage


def _log(canvas: Array, feet: float, rng: Generator) -> Array:
    coverage = np.zeros((SIZE, SIZE), np.float32)
    x, y, w = _side(rng), feet + rng.uniform(4, 12), rng.uniform(34, 52)
    bark = np.array((120, 98, 78)) * rng.uniform(0.8, 1.15)
    soft_shadow(canvas, ellipse(x, y + 2, w, 6), 3, 0.35)
    _cover(canvas, rectangle(x - w, y - 20, x + w, y), bark, coverage, 0.08, rng)
    _cover(canvas, ellipse(x + w, y - 10, 5.5, 10), bark * 1.35, coverage, 0.03, rng)
    return coverage
