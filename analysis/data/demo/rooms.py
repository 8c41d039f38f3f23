"""Rooms as backgrounds: walls, floors and furniture. Nothing in them is red, as only the shortcut is."""

from __future__ import annotations

import numpy as np

from analysis.data.demo.canvas import (
    SIZE,
    Array,
    Colour,
    blur,
    ellipse,
    fill,
    lines,
    mix,
    noise,
    paint,
    ramp,
    rasterise,
    rectangle,
    smooth,
    soft_shadow,
    step,
    taper,
)

Generator = np.random.Generator

# Pale greens, blues, greys, creams and violets: no colour looks like the shortcut's red.
WALLS: tuple[Colour, ...] = (
    (206, 214, 204),
    (188, 204, 214),
    (224, 214, 192),
    (196, 190, 210),
    (170, 190, 178),
    (214, 208, 204),
    (146, 166, 186),
    (224, 222, 212),
    (178, 172, 160),
    (132, 152, 140),
    (214, 200, 214),
)
FABRICS: tuple[Colour, ...] = (
    (92, 116, 148),
    (112, 136, 112),
    (150, 142, 160),
    (178, 168, 148),
    (84, 96, 108),
    (164, 178, 190),
    (120, 104, 132),
)
WOODS: tuple[Colour, ...] = ((168, 134, 98), (138, 108, 80), (196, 170, 134), (110, 88, 70), (182, 162, 140))


def draw_room(canvas: Array, horizon: float, rng: Generator) -> None:
    """Paint wall, floor, skirting board and some furniture on `canvas`; the floor begins at y = `horizon`."""
    h = int(horizon)
    wall = np.array(WALLS[rng.integers(len(WALLS))]) * rng.uniform(0.82, 1.04)
    ramp(canvas, 0, h, wall * 0.96, wall * 1.02)
    _wallpaper(canvas, h, wall, rng)
    _floor(canvas, h, rng)
    board = 5 + int(rng.integers(4))
    fill(canvas, rectangle(0, h - board, SIZE, h), (236, 232, 224))
    fill(canvas, rectangle(0, h - 1, SIZE, h + 1.2), (90, 82, 74), 0.6)
    furniture = [_window, _picture, _sofa, _shelf, _plant, _lamp, _curtain, _cabinet]
    for k in rng.permutation(len(furniture))[: int(rng.integers(2, 4))]:
        furniture[k](canvas, horizon, rng)
    if rng.random() < 0.45:
        _rug(canvas, horizon, rng)


def _wallpaper(canvas: Array, h: int, wall: Array, rng: Generator) -> None:
    kind = rng.integers(4)
    tint = wall * rng.choice([0.92, 1.06])
    if kind == 1:
        period = rng.uniform(12, 26)
        x = np.arange(SIZE, dtype=np.float32)
        stripe = step(np.sin(x * np.float32(2 * np.pi / period)), 0.1, 0.3)
        canvas[:h] = mix(canvas[:h], tint, np.broadcast_to(stripe * 0.8, (h, SIZE)))
    elif kind == 2:
        y, x = np.mgrid[0:h, 0:SIZE].astype(np.float32)
        row = np.floor(y / 11)
        brick = np.maximum(
            step(np.abs(y / 11 - row - 0.5), 0.44, 0.04),
            step(np.abs((x / 24 + 0.5 * (row % 2)) % 1 - 0.5), 0.47, 0.02),
        )
        canvas[:h] = mix(canvas[:h] + 6 * noise("mottle", (h, SIZE), rng)[..., None], wall * 1.12, brick * 0.6)
    elif kind == 3:
        base = int(h * 0.62)
        canvas[base:h] = mix(canvas[base:h], (232, 230, 222), 0.75)
        panels = [np.array([(x, base + 4), (x, h - 6)]) for x in range(8, SIZE, 22)]
        paint(canvas, lines([*panels, np.array([(0, base), (SIZE, base)])], 1.0), (150, 146, 138), 0.7)
    canvas[:h] += 2.0 * noise("cloud", (h, SIZE), rng)[..., None]


def _floor(canvas: Array, h: int, rng: Generator) -> None:
    n = SIZE - h
    kind = rng.integers(3)
    if kind == 0:
        wood = np.array(WOODS[rng.integers(len(WOODS))])
        ramp(canvas, h, SIZE, wood * 0.88, wood * 1.06)
        canvas[h:] *= (1 + 0.06 * noise("hair0", (n, SIZE), rng))[..., None]
        vanish = rng.uniform(40, 184)
        seams = [np.array([(vanish + (x - vanish) * 0.45, h), (x, SIZE)]) for x in range(-180, 420, 26)]
        paint(canvas, lines(seams, 0.9), wood * 0.55, 0.55)
    elif kind == 1:
        colour = np.array(FABRICS[rng.integers(len(FABRICS))]) * 0.5 + 90
        ramp(canvas, h, SIZE, colour * 0.9, colour * 1.05)
        canvas[h:] *= (1 + 0.05 * noise("grain", (n, SIZE), rng) + 0.03 * noise("mottle", (n, SIZE), rng))[
            ..., None
        ]
    else:
        light, dark = np.array((214, 210, 200)), np.array((150, 158, 160)) * rng.uniform(0.85, 1.1)
        y, x = np.mgrid[0:n, 0:SIZE].astype(np.float32)
        depth = 420 / (y + 24)
        across = (x - 112) / 34 * depth / 4
        odd = step(np.sin(np.pi * across) * np.sin(np.pi * depth * 1.1), 0.0, 0.08)
        canvas[h:] = mix(light, dark, odd * 0.8) * (0.9 + 0.12 * y / n)[..., None]


def _window(canvas: Array, horizon: float, rng: Generator) -> None:
    x, w, top = rng.uniform(10, 130), rng.uniform(56, 84), rng.uniform(-12, 12)
    bottom = horizon * rng.uniform(0.62, 0.78)
    fill(canvas, rectangle(x - 5, top - 5, x + w + 5, bottom + 5), (244, 242, 236))
    sky = rasterise(rectangle(x, top, x + w, bottom))
    if not sky.empty:
        v = sky.grid()[1]
        t = np.broadcast_to((v - top) / (bottom - top), sky.alpha.shape)
        paint(
            canvas,
            sky,
            mix((150, 194, 228), (226, 238, 240), t) + 8 * noise("cloud", sky.alpha.shape, rng)[..., None],
        )
    hill = smooth(
        [
            (x, bottom),
            (x + 0.1 * w, bottom - 9),
            (x + 0.45 * w, bottom - 16),
            (x + 0.8 * w, bottom - 8),
            (x + w, bottom),
        ],
        5,
    )
    fill(canvas, hill, (122, 158, 112))
    fill(canvas, rectangle(x + w / 2 - 1.5, top, x + w / 2 + 1.5, bottom), (244, 242, 236))
    fill(canvas, rectangle(x, (top + bottom) / 2 - 1.2, x + w, (top + bottom) / 2 + 1.2), (244, 242, 236))
    fill(canvas, rectangle(x - 9, bottom + 4, x + w + 9, bottom + 9), (226, 222, 214))


def _picture(canvas: Array, horizon: float, rng: Generator) -> None:
    x, y, w, h = rng.uniform(8, 160), rng.uniform(6, 40), rng.uniform(30, 54), rng.uniform(28, 44)
    fill(canvas, rectangle(x, y, x + w, y + h), WOODS[rng.integers(len(WOODS))])
    fill(canvas, rectangle(x + 3, y + 3, x + w - 3, y + h - 3), (238, 236, 228))
    fill(canvas, rectangle(x + 7, y + 7, x + w - 7, y + h - 7), (176, 206, 220))
    fill(
        canvas,
        np.array([(x + 7, y + h - 7), (x + w * 0.4, y + h * 0.45), (x + w * 0.65, y + h - 7)]),
        (126, 150, 158),
    )
    fill(
        canvas,
        np.array([(x + w * 0.4, y + h - 7), (x + w * 0.7, y + h * 0.55), (x + w - 7, y + h - 7)]),
        (108, 140, 116),
    )


def _sofa(canvas: Array, horizon: float, rng: Generator) -> None:
    cloth = np.array(FABRICS[rng.integers(len(FABRICS))]) * rng.uniform(0.85, 1.15)
    x, w = rng.uniform(-50, 70), rng.uniform(150, 190)
    seat, back = horizon + 6, horizon - rng.uniform(44, 58)
    soft_shadow(canvas, rectangle(x, seat + 8, x + w, seat + 20), 5, 0.4)
    fill(
        canvas,
        smooth(
            [(x + 6, seat), (x + 8, back + 4), (x + w / 2, back - 2), (x + w - 8, back + 4), (x + w - 6, seat)], 6
        ),
        cloth,
    )
    for k in range(2):
        a = x + 14 + k * (w - 28) / 2
        b = a + (w - 32) / 2
        fill(
            canvas, smooth([(a, seat - 6), (a + 3, back + 14), (b - 3, back + 14), (b, seat - 6)], 6), cloth * 1.1
        )
    fill(
        canvas,
        smooth([(x + 2, seat - 16), (x + w - 2, seat - 16), (x + w, seat + 12), (x, seat + 12)], 5),
        cloth * 0.88,
    )
    for a in (x - 6, x + w - 16):
        fill(
            canvas,
            smooth(
                [(a, seat - 28), (a + 11, seat - 34), (a + 22, seat - 28), (a + 22, seat + 14), (a, seat + 14)], 5
            ),
            cloth * 1.04,
        )


def _shelf(canvas: Array, horizon: float, rng: Generator) -> None:
    x, y, w = rng.uniform(0, 130), rng.uniform(14, 60), rng.uniform(70, 100)
    wood = np.array(WOODS[rng.integers(len(WOODS))])
    at = x + 4
    while at < x + w - 10:
        thick, tall = rng.uniform(4, 9), rng.uniform(16, 28)
        fill(
            canvas,
            rectangle(at, y - tall, at + thick, y),
            np.array(FABRICS[rng.integers(len(FABRICS))]) * rng.uniform(0.8, 1.2),
        )
        at += thick + (rng.uniform(4, 14) if rng.random() < 0.2 else 0.6)
    fill(canvas, rectangle(x, y, x + w, y + 4), wood)
    fill(canvas, rectangle(x, y + 4, x + w, y + 6), wood * 0.6, 0.6)


def _plant(canvas: Array, horizon: float, rng: Generator) -> None:
    x, y = float(rng.choice([rng.uniform(6, 40), rng.uniform(184, 218)])), horizon + rng.uniform(4, 14)
    green = np.array((78, 122, 82)) * rng.uniform(0.8, 1.2)
    for _ in range(int(rng.integers(9, 15))):
        angle, reach = rng.uniform(-2.7, -0.45), rng.uniform(28, 58)
        tip = (x + reach * np.cos(angle), y - 22 + reach * np.sin(angle))
        middle = (x + 0.45 * reach * np.cos(angle) - 3, y - 24 + 0.7 * reach * np.sin(angle))
        leaf = smooth([(x, y - 20), middle, tip], 6, closed=False)
        fill(canvas, taper(leaf, (1.0, 4.5, 4.0, 0.4)), green * rng.uniform(0.75, 1.25))
    pot = np.array(((196, 196, 188), (118, 136, 150), (150, 140, 124))[rng.integers(3)])
    fill(canvas, np.array([(x - 13, y - 24), (x + 13, y - 24), (x + 9, y + 4), (x - 9, y + 4)]), pot)
    fill(canvas, rectangle(x - 15, y - 27, x + 15, y - 21), pot * 0.88)


def _lamp(canvas: Array, horizon: float, rng: Generator) -> None:
    x, y = float(rng.choice([rng.uniform(14, 44), rng.uniform(180, 210)])), horizon + 6
    top = horizon - rng.uniform(78, 96)
    fill(canvas, rectangle(x - 1.3, top + 10, x + 1.3, y), (84, 80, 78))
    fill(canvas, ellipse(x, y, 12, 3.4), (84, 80, 78))
    glow = np.zeros((SIZE, SIZE), np.float32)
    patch = rasterise(ellipse(x, top + 12, 34, 34))
    glow[patch.rows, patch.columns] = patch.alpha
    canvas += blur(glow, 16)[..., None] * np.array((46, 40, 22), np.float32)
    fill(
        canvas,
        np.array([(x - 10, top - 8), (x + 10, top - 8), (x + 18, top + 18), (x - 18, top + 18)]),
        (248, 238, 204),
    )


def _curtain(canvas: Array, horizon: float, rng: Generator) -> None:
    left = bool(rng.random() < 0.5)
    x0, x1 = (0, int(rng.uniform(24, 48))) if left else (int(rng.uniform(176, 200)), SIZE)
    h = int(horizon) + 4
    cloth = np.array(FABRICS[rng.integers(len(FABRICS))], np.float32) * np.float32(rng.uniform(0.95, 1.3))
    x = np.arange(x0, x1, dtype=np.float32)
    fold = 0.92 + 0.14 * np.sin(x * np.float32(rng.uniform(0.5, 0.9)))
    canvas[:h, x0:x1] = np.minimum(cloth[None, None] * fold[None, :, None], 255)


def _cabinet(canvas: Array, horizon: float, rng: Generator) -> None:
    x, w, tall = rng.uniform(-10, 150), rng.uniform(60, 90), rng.uniform(40, 62)
    wood = np.array(WOODS[rng.integers(len(WOODS))])
    y = horizon + 5
    soft_shadow(canvas, rectangle(x, y - 3, x + w, y + 6), 3, 0.4)
    fill(canvas, rectangle(x, y - tall, x + w, y), wood)
    fill(canvas, rectangle(x - 3, y - tall - 4, x + w + 3, y - tall), wood * 1.12)
    for k in range(2):
        a = x + 4 + k * (w - 4) / 2
        fill(canvas, rectangle(a, y - tall + 5, a + w / 2 - 8, y - 5), wood * 0.88)
        fill(canvas, rectangle(a + w / 4 - 6, y - tall / 2 - 1, a + w / 4 - 1, y - tall / 2 + 1), (60, 54, 50))


def _rug(canvas: Array, horizon: float, rng: Generator) -> None:
    y = (horizon + SIZE) / 2 + rng.uniform(0, 22)
    rx, ry = rng.uniform(80, 120), rng.uniform(22, 36)
    x = rng.uniform(80, 144)
    cloth = np.array(FABRICS[rng.integers(len(FABRICS))]) * rng.uniform(0.9, 1.25)
    for scale, tone in ((1.0, 0.86), (0.9, 1.06), (0.72, 0.92), (0.6, 1.06)):
        patch = rasterise(ellipse(x, y, rx * scale, ry * scale, n=60))
        paint(
            canvas,
            patch,
            (cloth * tone).astype(np.float32) * (1 + 0.04 * noise("grain", patch.alpha.shape, rng))[..., None],
        )
