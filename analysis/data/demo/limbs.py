"""Legs, paws and tails, and the stance that gives every part of the body its place in the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.data.demo.canvas import Array, Colour, ellipse, lines, paint, smooth, taper
from analysis.data.demo.fur import Frame, Fur
from analysis.data.demo.heads import HeadPose


@dataclass(frozen=True)
class Stance:
    """Position, size and direction of an animal.

    Attributes
    ----------
    x, y : the point of the ground below the animal, in pixels
    unit : one body height in pixels
    flip : 1 or -1; -1 mirrors the body
    tilt, yaw, lid, tongue : of the head, see `HeadPose`
    collar : its colour, None without one
    """

    x: float
    y: float
    unit: float
    flip: int
    tilt: float
    yaw: float
    lid: float
    tongue: bool
    collar: Colour | None

    def place(self, points: ArrayLike) -> Array:
        """Return points (..., 2) of body coordinates as pixels: x towards the tail, y down, 0 on the ground."""
        p = np.asarray(points, dtype=np.float64)
        return np.stack([self.x + self.flip * self.unit * p[..., 0], self.y + self.unit * p[..., 1]], axis=-1)

    def frame(self, x: float, y: float, rx: float, ry: float) -> Frame:
        """Return an upright frame around a point; its half axes rx and ry are in body heights."""
        return Frame(
            self.place((x, y)), np.array([self.flip * self.unit * rx, 0.0]), np.array([0.0, self.unit * ry])
        )

    def head(self, fur: Fur, x: float, y: float, scale: float = 1.0) -> HeadPose:
        """Return the pose of a head at a point of the body, `scale` times its usual size."""
        px, py = self.place((x, y))
        radius = fur.build.head * self.unit * scale
        return HeadPose(px, py, radius, self.tilt, self.yaw, self.lid, self.tongue)


def draw_leg(fur: Fur, stance: Stance, path: ArrayLike, widths: ArrayLike, tone: float = 1.0) -> None:
    """Paint a leg along `path` (n, 2) with half-widths `widths`, in body coordinates, and a paw at its end."""
    p = np.asarray(path, dtype=np.float64)
    curve = stance.place(smooth(p, 6, closed=False))
    half = np.asarray(widths, dtype=np.float64) * stance.unit
    middle, reach = (p[0] + p[-1]) / 2, np.abs(p[-1] - p[0]) / 2
    frame = stance.frame(float(middle[0]), float(middle[1]), max(0.2, float(reach[0])), max(0.2, float(reach[1])))
    fur.part(taper(curve, half), "leg", frame, tone=tone, hair=0.6)
    draw_paw(fur, stance, p[-1], float(np.asarray(widths)[-1]), tone)


def draw_paw(fur: Fur, stance: Stance, at: ArrayLike, width: float, tone: float) -> None:
    """Paint a paw with toes at a point of the body; its half-width is in body heights."""
    x, y = np.asarray(at, dtype=np.float64) - np.array([0.03, 0.02])
    r = 1.32 * width
    cx, cy = stance.place((x, y))
    # The frame places the paw at the low end of a leg, so that patterns with white feet reach it.
    frame = Frame(
        np.array([cx, cy - stance.unit * 0.25]),
        np.array([stance.unit * r, 0.0]),
        np.array([0.0, stance.unit * 0.32]),
    )
    fur.part(ellipse(cx, cy, r * stance.unit, 0.72 * r * stance.unit), "leg", frame, tone=tone * 1.04, hair=0.4)
    toes = [stance.place([(x + d * r, y + 0.1 * r), (x + 1.1 * d * r, y + 0.62 * r)]) for d in (-0.32, 0.32)]
    paint(fur.canvas, lines(toes, max(0.6, 0.016 * stance.unit)), (40, 30, 28), 0.55)


def draw_tail(fur: Fur, stance: Stance, root: tuple[float, float], path: ArrayLike, tone: float = 1.0) -> None:
    """Paint a tail from `root` along `path`, offsets that the tail's length scales; u goes from root to tip."""
    b = fur.build
    p = np.asarray(root) + np.asarray(path, dtype=np.float64) * b.tail_length
    curve = stance.place(smooth(p, 8, closed=False))
    bushy = 1.0 + 2.2 * b.fluff
    widths = np.array([0.9, 1.0, 1.0 * bushy, 0.95 * bushy, 0.55]) * b.tail_width * stance.unit
    a, z = curve[0], curve[-1]
    axis = (z - a) / 2
    length = max(float(np.hypot(*axis)), 0.2 * stance.unit)
    axis = axis / max(float(np.hypot(*axis)), 1e-6) * length
    down = np.array([-axis[1], axis[0]]) / length * max(4.0, float(widths.max()) * 2.5)
    fur.part(taper(curve, widths), "tail", Frame((a + z) / 2, axis, down), tone=tone, hair=1.1)


def blend(first: ArrayLike, second: ArrayLike, amount: float) -> Array:
    """Return a mixture of two lists of points: amount 0 is the first, 1 the second."""
    return (1 - amount) * np.asarray(first, dtype=np.float64) + amount * np.asarray(second, dtype=np.float64)


CAT_TAIL_DOWN = [(0, 0), (0.28, 0.04), (0.42, -0.08), (0.5, -0.3), (0.42, -0.48)]
CAT_TAIL_UP = [(0, 0), (0.22, -0.12), (0.34, -0.42), (0.36, -0.78), (0.5, -1.02)]
DOG_TAIL_WAG = [(0, 0), (0.2, -0.12), (0.36, -0.34), (0.46, -0.58), (0.48, -0.76)]
DOG_TAIL_ROLL = [(0, 0), (0.14, -0.24), (0.04, -0.5), (-0.2, -0.52), (-0.26, -0.3)]


def raised_tail(fur: Fur) -> Array:
    """Return the path of an upright (cat), wagging (dog) or rolled tail, by the build's `tail_curl`."""
    curl = fur.build.tail_curl
    if curl > 0.8:
        return np.asarray(DOG_TAIL_ROLL)
    return blend(CAT_TAIL_UP, DOG_TAIL_WAG, np.clip((curl - 0.4) / 0.1, 0, 1))
