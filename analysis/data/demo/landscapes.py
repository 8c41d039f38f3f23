"""Landscapes as backgrounds: sky, hills, ground, trees, fences, flowers. Nothing in them is red."""

from __future__ import annotations

import numpy as np

from analysis.data.demo.canvas import (
    SIZE,
    Array,
    Colour,
    ellipse,
    fill,
    lines,
    mix,
    noise,
    paint,
    ramp,
    rectangle,
    smooth,
    step,
    taper,
)

Generator = np.random.Generator


def draw_landscape(canvas: Array, horizon: float, rng: Generator) -> None:
    """Paint sky, hills and a meadow, garden, beach, snowfield or wood; the ground begins at y = `horizon`."""
    h = int(horizon)
    kind = str(rng.choice(["meadow", "garden", "beach", "snow", "wood"], p=[0.3, 0.3, 0.13, 0.12, 0.15]))
    zenith, low = (
        ((112, 168, 222), (214, 232, 240)),
        ((160, 178, 196), (216, 220, 222)),
        ((176, 178, 208), (238, 222, 204)),
    )[rng.integers(3)]
    ramp(canvas, 0, h, zenith, low)
    clouds = step(0.7 * noise("soft", (h, SIZE), rng) + 0.6 * noise("cloud", (h, SIZE), rng), 0.9, 1.1)
    canvas[:h] = mix(canvas[:h], (250, 250, 250), clouds * 0.75)
    if kind != "beach":
        for depth in range(2):
            y = h - 26 + 14 * depth
            ridge = [(x, y + rng.uniform(-12, 8)) for x in range(-20, 260, 34)]
            green = np.array(((128, 158, 146), (104, 140, 104))[depth]) * rng.uniform(0.9, 1.1)
            fill(
                canvas,
                np.concatenate([smooth(ridge, 6, closed=False), [(250, h + 4), (-20, h + 4)]]),
                green if kind != "snow" else green * 0.4 + 130,
            )
    ground = {
        "meadow": (118, 150, 78),
        "garden": (104, 142, 82),
        "beach": (220, 202, 162),
        "snow": (234, 238, 244),
        "wood": (128, 116, 84),
    }[kind]
    soil = np.array(ground) * rng.uniform(0.88, 1.08)
    if kind == "beach":
        ramp(canvas, h - 22, h, (74, 134, 164), (140, 190, 200))
    ramp(canvas, h, SIZE, soil * 0.92, soil * 1.04)
    n = SIZE - h
    canvas[h:] *= (1 + 0.05 * noise("blot", (n, SIZE), rng) + 0.04 * noise("grain", (n, SIZE), rng))[..., None]
    if kind in ("meadow", "garden", "wood"):
        _grass(canvas, h - 2, SIZE, 260, soil, rng)
    if kind in ("garden", "wood") or rng.random() < 0.4:
        for _ in range(int(rng.integers(1, 4))):
            _tree(canvas, horizon, rng, kind == "snow")
    if kind == "garden":
        (_fence if rng.random() < 0.6 else _hedge)(canvas, horizon, rng)
    if kind in ("meadow", "garden"):
        petals = ((250, 246, 240), (246, 222, 110), (150, 140, 214), (232, 190, 222))[rng.integers(4)]
        for _ in range(int(rng.integers(0, 26))):
            _flower(canvas, h + 6, petals, rng)


def _flower(canvas: Array, top: int, petals: Colour, rng: Generator) -> None:
    x, y = float(rng.uniform(0, SIZE)), float(rng.uniform(top, SIZE))
    r = 0.8 + 2.0 * (y - top) / (SIZE - top)
    for k in range(5):
        leaf = ellipse(x + r * np.cos(1.26 * k), y + 0.7 * r * np.sin(1.26 * k), 0.6 * r, 0.5 * r, n=8)
        fill(canvas, leaf, petals)
    fill(canvas, ellipse(x, y, 0.45 * r, 0.4 * r, n=8), (226, 180, 70))


def _grass(canvas: Array, top: float, bottom: float, count: int, colour: Array, rng: Generator) -> None:
    """Paint `count` blades of grass that grow between the heights `top` and `bottom`."""
    root_y = np.sort(top + (bottom - top) * rng.random(count) ** 0.8)
    root_x, lean, tall = rng.uniform(-4, SIZE + 4, count), rng.normal(0, 2.4, count), rng.uniform(4, 9, count)
    scale = 0.45 + 0.9 * (root_y - 90) / 134
    for band, tone in enumerate((0.8, 1.0, 1.22)):
        own = slice(band, count, 3)
        blades = [
            np.array([(x, y), (x + 0.4 * d * s, y - 0.6 * t * s), (x + d * s, y - t * s)])
            for x, y, d, t, s in zip(root_x[own], root_y[own], lean[own], tall[own], scale[own], strict=True)
        ]
        paint(canvas, lines(blades, 1.0), np.asarray(colour) * tone, 0.75)


def _tree(canvas: Array, horizon: float, rng: Generator, snowy: bool) -> None:
    x, base = rng.uniform(-6, SIZE + 6), horizon + rng.uniform(2, 14)
    tall = rng.uniform(60, 110)
    fill(canvas, taper(np.array([(x, base), (x + 2, base - tall * 0.6)]), (5.5, 3.0)), (96, 78, 64))
    leaf = np.array((84, 120, 76)) * rng.uniform(0.75, 1.2)
    if rng.random() < 0.4:
        for k in range(4):
            y, w = base - tall * (0.25 + 0.2 * k), 26 - 5.5 * k
            fill(canvas, np.array([(x - w, y), (x + 1, y - tall * 0.36), (x + w, y)]), leaf * (0.66 + 0.07 * k))
        return
    for _ in range(9):
        cx, cy, r = x + rng.normal(0, 13), base - tall * rng.uniform(0.55, 0.98), rng.uniform(11, 19)
        tone = leaf * rng.uniform(0.8, 1.2)
        fill(canvas, ellipse(cx, cy, r, r * 0.85, n=18), tone * 0.4 + 130 if snowy else tone, 0.92)


def _fence(canvas: Array, horizon: float, rng: Generator) -> None:
    colour = np.array(((232, 230, 222), (158, 132, 104), (130, 148, 150))[rng.integers(3)])
    top = horizon - rng.uniform(28, 44)
    for y in (top + 10, horizon - 8):
        fill(canvas, rectangle(0, y, SIZE, y + 4), colour * 0.82)
    for x in range(int(rng.integers(-8, 4)), SIZE, 17):
        fill(
            canvas,
            np.array([(x, horizon + 4), (x, top + 5), (x + 5, top), (x + 10, top + 5), (x + 10, horizon + 4)]),
            colour * rng.uniform(0.93, 1.04),
        )


def _hedge(canvas: Array, horizon: float, rng: Generator) -> None:
    top = int(horizon - rng.uniform(34, 56))
    bottom = int(horizon) + 4
    leaf = np.array((72, 108, 66), np.float32) * np.float32(rng.uniform(0.85, 1.2))
    shape = (bottom - top, SIZE)
    texture = 1 + 0.13 * noise("mottle", shape, rng) + 0.1 * noise("grain", shape, rng)
    edge = step(np.arange(shape[0], dtype=np.float32)[:, None] + 4 * noise("mottle", shape, rng), 5, 3)
    canvas[top:bottom] = mix(canvas[top:bottom], leaf * texture[..., None], edge)
