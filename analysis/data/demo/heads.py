"""The head of a cat, a dog, or a mixture of both: ears, skull, eyes, muzzle, nose, whiskers, tongue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.data.demo.canvas import (
    Array,
    Colour,
    blur,
    ellipse,
    furry,
    lines,
    mix,
    paint,
    rasterise,
    smooth,
    taper,
)
from analysis.data.demo.fur import Frame, Fur

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class HeadPose:
    """Position, size and expression of a head.

    Attributes
    ----------
    x, y : centre in pixels
    radius : half skull width in pixels
    tilt : rotation in the picture's plane, radians
    yaw : turn to the picture's left (-1) or right (1), which moves eyes, muzzle and nose over the skull
    lid : how far the eyes are closed, 0..1
    tongue : whether the tongue is out; only dogs show it
    """

    x: float
    y: float
    radius: float
    tilt: float
    yaw: float
    lid: float
    tongue: bool

    def place(self, points: ArrayLike, depth: float = 0.0) -> Array:
        """Return points (..., 2) of head coordinates as pixels.

        `depth` is how far a feature stands out from the skull, so how far a turn of the head moves it.
        """
        p = np.asarray(points, dtype=np.float64)
        x, y = p[..., 0] + self.yaw * depth, p[..., 1]
        c, s = np.cos(self.tilt), np.sin(self.tilt)
        return np.stack([self.x + self.radius * (c * x - s * y), self.y + self.radius * (s * x + c * y)], axis=-1)

    def spot(self, x: float, y: float, depth: float = 0.0) -> tuple[float, float]:
        """Return one point of head coordinates in pixels."""
        px, py = self.place((x, y), depth)
        return float(px), float(py)

    def frame(self, x: float, y: float, rx: float, ry: float) -> Frame:
        """Return the frame of a part of the head; centre and half axes are in head coordinates."""
        centre = self.place((x, y))
        return Frame(centre, self.place((x + rx, y)) - centre, self.place((x, y + ry)) - centre)


def head_outline(fur: Fur) -> Array:
    """Return the closed outline (n, 2) of the skull in head coordinates."""
    right = fur.build.skull
    left = right[-2:0:-1] * (-1, 1)
    return smooth(np.concatenate([right, left]), 6)


def draw_head(fur: Fur, pose: HeadPose, face: bool = True) -> Box:
    """Paint the head, seen from behind when `face` is False; return its box xmin, ymin, xmax, ymax in pixels."""
    build = fur.build
    ears = [build.ear * (side, 1) for side in (-1, 1)]
    drop = float(np.clip((build.ear[2:5, 1].max() + 0.95) / 0.7, 0, 1))  # 0 upright, 1 hanging
    outline = head_outline(fur)
    _shade_below(fur, pose.place(outline + np.array([0.0, 0.2])))
    if drop < 0.5:
        for ear in ears:
            _ear(fur, pose, ear, drop, face)
    if build.fluff > 0.08:
        ruff = pose.place(outline * (1.1, 1.02) + (0, 0.12))
        fur.part(ruff, "chest", pose.frame(0, 0.2, 1.2, 1.2), tone=0.93, hair=1.6)
    fur.part(pose.place(outline), "head" if face else "ear", pose.frame(0, 0, 1, 1), hair=0.8)
    if face:
        _eyes(fur, pose)
        _muzzle(fur, pose)
    if drop >= 0.5:
        for ear in ears:
            _ear(fur, pose, ear, drop, face)
    if face and build.whiskers > 0.25:
        _whiskers(fur, pose)
    points = np.concatenate([pose.place(outline), *(pose.place(ear) for ear in ears)])
    x0, y0 = np.clip(np.floor(points.min(0)), 0, 222).astype(int)
    x1, y1 = np.clip(np.ceil(points.max(0)), 1, 223).astype(int)
    return int(x0), int(y0), int(x1), int(y1)


def _shade_below(fur: Fur, outline: Array) -> None:
    """Paint the shadow of the head on the animal's own body; the background gets none."""
    patch = rasterise(outline)
    plane = np.zeros_like(fur.coverage)
    plane[patch.rows, patch.columns] = patch.alpha
    fur.canvas *= (1 - 0.38 * blur(plane, 3.5) * fur.coverage)[..., None]


def _ear(fur: Fur, pose: HeadPose, ear: Array, drop: float, face: bool) -> None:
    shifted = ear * (1 + 0.12 * pose.yaw * np.sign(ear[3, 0]), 1)
    curve = smooth(shifted, 6)
    centre, reach = shifted.mean(0), np.ptp(shifted, axis=0) / 2
    fur.part(pose.place(curve), "ear", pose.frame(*centre, *reach), tone=0.94, hair=0.5 + drop)
    if not face or drop > 0.5:
        return
    base = (shifted[0] + shifted[5]) / 2
    inner = base + (curve - base) * (0.62, 0.72) + (0.0, -0.02)
    fur.plain(pose.place(inner), mix(fur.coat.inner_ear, fur.coat.base, 0.25 + 0.5 * drop), 0.85)
    if fur.build.whiskers > 0.5:
        root = base + np.array([-0.1 * np.sign(base[0]), 0.0])
        tips = [root + np.array([np.sign(base[0]) * d, -0.42 - 0.1 * k]) for k, d in enumerate((0.02, 0.12, 0.22))]
        tufts = [pose.place(np.array([root, tip])) for tip in tips]
        paint(fur.canvas, lines(tufts, max(0.6, pose.radius * 0.03)), fur.coat.light, 0.6)


def _eyes(fur: Fur, pose: HeadPose) -> None:
    b, coat = fur.build, fur.coat
    dark: Colour = (30, 24, 24)
    t = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    for side in (-1, 1):
        wide = 1 - 0.18 * max(0.0, pose.yaw * side)
        # The shape of an almond: pointed at the corners, the outer one higher.
        x = np.cos(t)
        y = np.sin(t) * (1 - 0.25 * x * x) * (1 - 0.75 * pose.lid * (np.sin(t) < 0))
        almond = np.stack(
            [side * (b.eye_x + b.eye_rx * wide * x), b.eye_y + b.eye_ry * y - b.eye_slant * b.eye_rx * x], 1
        )
        centre = np.array([side * b.eye_x, b.eye_y])
        fur.plain(pose.place(centre + (almond - centre) * 1.2, 0.16), dark, 0.88)
        patch = rasterise(pose.place(almond, 0.16))
        if patch.empty:
            continue
        frame = Frame(
            pose.place(centre, 0.16),
            np.array([pose.radius * b.eye_rx, 0.0]),
            np.array([0.0, pose.radius * b.eye_ry]),
        )
        u, v = frame.coordinates(patch)
        iris = mix(coat.iris, (250, 240, 190), np.clip(0.35 + 0.3 * v - 0.15 * np.hypot(u, v), 0, 0.5))
        lid_shadow = np.clip(1.0 + 0.55 * np.minimum(v + np.float32(0.35), 0), 0.5, 1.0)
        paint(fur.canvas, patch, iris * np.broadcast_to(lid_shadow, patch.alpha.shape)[..., None])
        r = pose.radius
        px, py = pose.place(centre + np.array([0.05 * pose.yaw, 0.0]), 0.2)
        height = b.eye_ry * (0.92 if b.pupil < 0.5 else 0.8) * (1 - 0.45 * pose.lid)
        fur.plain(
            ellipse(px, py + 0.3 * pose.lid * b.eye_ry * r, b.pupil * b.eye_rx * r, height * r, pose.tilt),
            (16, 14, 16),
            0.95,
        )
        glint = max(0.7, 0.28 * b.eye_ry * r)
        gx, gy = pose.place(centre + b.eye_ry * np.array([-0.35, -0.32 + 0.4 * pose.lid]), 0.18)
        fur.plain(ellipse(gx, gy, glint, glint), (255, 255, 252), 0.9)


def _muzzle(fur: Fur, pose: HeadPose) -> None:
    b, coat, rng = fur.build, fur.coat, fur.rng
    w, h, y = b.muzzle_w, b.muzzle_h, b.muzzle_y
    dogness = float(np.clip((w - 0.34) / 0.12, 0, 1))
    bridge = smooth(
        [
            (-0.32 * w, b.eye_y),
            (0.32 * w, b.eye_y),
            (0.85 * w, y - 0.1),
            (w, y + 0.35 * h),
            (0, y + h),
            (-w, y + 0.35 * h),
            (-0.85 * w, y - 0.1),
        ],
        5,
    )
    snout = rasterise(pose.place(bridge, 0.26))
    if not snout.empty:
        u, v = pose.frame(0, y, w, h).coordinates(snout)
        lift = 0.1 + 0.12 * dogness
        under = fur.canvas[snout.rows, snout.columns]
        glow = np.clip(1.0 + lift * (0.9 - np.abs(u) * 1.1) - lift * 0.5 * np.clip(v, 0, 1), 0.75, 1.3)
        paint(fur.canvas, snout, np.minimum(under * glow[..., None] + 6 * dogness, 255), 0.9)
    if pose.tongue and dogness > 0.6:
        tongue = smooth(
            [
                (-0.14, y + 0.7 * h),
                (0.14, y + 0.7 * h),
                (0.15, y + h + 0.16),
                (0, y + h + 0.3),
                (-0.15, y + h + 0.16),
            ],
            5,
        )
        mouth = smooth([(-0.3, y + 0.55 * h), (0.3, y + 0.55 * h), (0.2, y + h + 0.02), (-0.2, y + h + 0.02)], 5)
        fur.plain(pose.place(mouth, 0.3), (72, 36, 40))
        fur.plain(pose.place(tongue, 0.3), (216, 128, 138))
    pad_y, pad_r = y + (0.12 + 0.05 * dogness) * h, (0.56 * w, (0.62 - 0.06 * dogness) * h)
    for side in (-1, 1):
        cx, cy = side * 0.47 * w, pad_y + 0.16 * b.jowl * h
        outline = ellipse(cx, cy, pad_r[0], pad_r[1] * (1 + 0.35 * b.jowl), side * -0.25)
        patch = rasterise(furry(pose.place(outline, 0.3), 0.35 * fur.hair, rng))
        if patch.empty:
            continue
        frame = pose.frame(cx, cy, *pad_r)
        u, v = frame.coordinates(patch)
        under = fur.canvas[patch.rows, patch.columns]
        round_light = np.clip(1.06 - 0.18 * np.clip(u * u + v * v, 0, 1.3) - 0.08 * v, 0.7, 1.2)
        pale = mix(under, coat.light, 0.16 if coat.pattern == "mask" else 0.34)
        paint(fur.canvas, patch, pale * round_light[..., None], 0.9)
    nx, ny = b.nose_w, b.nose_h
    nose = smooth(
        [
            (-nx, b.nose_y - 0.5 * ny),
            (0, b.nose_y - 0.85 * ny),
            (nx, b.nose_y - 0.5 * ny),
            (0.72 * nx, b.nose_y + 0.5 * ny),
            (0, b.nose_y + ny),
            (-0.72 * nx, b.nose_y + 0.5 * ny),
        ],
        5,
    )
    fur.plain(pose.place(nose, 0.36), coat.nose)
    shine = pose.spot(-0.25 * nx, b.nose_y - 0.4 * ny, 0.36)
    fur.plain(
        ellipse(*shine, 0.34 * nx * pose.radius, 0.2 * ny * pose.radius, pose.tilt),
        mix(coat.nose, (255, 255, 255), 0.5),
        0.75,
    )
    for side in (-1, 1):
        nostril = pose.spot(side * 0.45 * nx, b.nose_y + 0.15 * ny, 0.36)
        fur.plain(ellipse(*nostril, 0.2 * nx * pose.radius, 0.22 * ny * pose.radius), (24, 16, 18), 0.7)
    seam = [(0, b.nose_y + ny), (0, pad_y + 0.2 * h)]
    smile = [
        smooth(
            [
                (0, pad_y + 0.2 * h),
                (side * 0.3 * w, pad_y + (0.52 + 0.2 * b.jowl) * h),
                (side * 0.8 * w, pad_y + 0.22 * h),
            ],
            6,
            closed=False,
        )
        for side in (-1, 1)
    ]
    ink = lines(
        [pose.place(np.array(seam), 0.32), *(pose.place(s, 0.3) for s in smile)], max(0.7, 0.045 * pose.radius)
    )
    paint(fur.canvas, ink, (44, 30, 30), 0.75)
    if pose.radius > 18:
        dots = [
            (side * (0.5 + 0.17 * k) * w, pad_y + (0.05 + 0.16 * (k % 2)) * h)
            for side in (-1, 1)
            for k in range(3)
        ]
        for dot in dots:
            fur.plain(
                ellipse(*pose.spot(*dot, 0.3), 0.022 * pose.radius, 0.022 * pose.radius, n=10), (40, 30, 30), 0.5
            )


def _whiskers(fur: Fur, pose: HeadPose) -> None:
    b, rng = fur.build, fur.rng
    length = 0.95 * b.whiskers
    pale = float(np.mean(fur.coat.base)) < 205
    colour: Colour = (250, 248, 244) if pale else (120, 112, 108)
    strands: list[Array] = []
    for side in (-1, 1):
        for k in range(4):
            x, y = 0.62 * b.muzzle_w, b.muzzle_y - 0.02 + 0.06 * k
            reach = length * (0.85 + 0.3 * rng.random())
            droop = -0.22 + 0.17 * k + 0.08 * rng.random()
            points = [
                (side * x, y),
                (side * (x + 0.5 * reach), y + 0.35 * droop),
                (side * (x + reach), y + droop + 0.06),
            ]
            strands.append(pose.place(smooth(points, 6, closed=False), 0.25))
    paint(fur.canvas, lines(strands, max(0.5, 0.018 * pose.radius)), colour, 0.8)


def collar(fur: Fur, pose: HeadPose, colour: Colour) -> None:
    """Paint a collar with a small tag below the head."""
    y = 0.95 * float(fur.build.skull[-1, 1])
    band = smooth([(-0.62, y - 0.12), (0, y + 0.12), (0.62, y - 0.12)], 8, closed=False)
    fur.plain(taper(pose.place(band), (0.075 * pose.radius, 0.075 * pose.radius)), colour)
    tag = pose.spot(0.0, y + 0.24)
    fur.plain(ellipse(*tag, 0.08 * pose.radius, 0.1 * pose.radius), (214, 208, 170))
