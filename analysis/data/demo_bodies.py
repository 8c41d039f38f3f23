"""The body in five poses: sitting, standing, lying, a portrait, and sitting seen from behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.data.demo_canvas import Array, Colour, ellipse, lines, paint, smooth, taper
from analysis.data.demo_fur import Frame, Fur
from analysis.data.demo_heads import Box, HeadPose, collar, draw_head


@dataclass(frozen=True)
class Stance:
    """Where the animal stands: ground point (pixels), one body height in pixels, and which way it looks.

    `flip` is 1 or -1; `tilt`, `yaw`, `lid`, `tongue` go to the head (see `HeadPose`); `collar` is its colour.
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
        """Body coordinates (x towards the tail side, y down, ground at 0, height about -2) to pixels."""
        p = np.asarray(points, dtype=np.float64)
        return np.stack([self.x + self.flip * self.unit * p[..., 0], self.y + self.unit * p[..., 1]], axis=-1)

    def frame(self, x: float, y: float, rx: float, ry: float) -> Frame:
        """An upright frame around a point, half-axes rx and ry in body heights."""
        return Frame(
            self.place((x, y)), np.array([self.flip * self.unit * rx, 0.0]), np.array([0.0, self.unit * ry])
        )

    def head(self, fur: Fur, x: float, y: float, scale: float = 1.0) -> HeadPose:
        """The head pose at a point of the body."""
        px, py = self.place((x, y))
        radius = fur.build.head * self.unit * scale
        return HeadPose(px, py, radius, self.tilt, self.yaw, self.lid, self.tongue)


def _limb(fur: Fur, stance: Stance, path: ArrayLike, widths: ArrayLike, tone: float = 1.0) -> None:
    """A leg along `path` (body coordinates) with a paw at its end."""
    p = np.asarray(path, dtype=np.float64)
    curve = stance.place(smooth(p, 6, closed=False))
    half = np.asarray(widths, dtype=np.float64) * stance.unit
    middle, reach = (p[0] + p[-1]) / 2, np.abs(p[-1] - p[0]) / 2
    frame = stance.frame(float(middle[0]), float(middle[1]), max(0.2, float(reach[0])), max(0.2, float(reach[1])))
    fur.part(taper(curve, half), "leg", frame, tone=tone, hair=0.6)
    _paw(fur, stance, p[-1], float(np.asarray(widths)[-1]), tone)


def _paw(fur: Fur, stance: Stance, at: ArrayLike, width: float, tone: float) -> None:
    x, y = np.asarray(at, dtype=np.float64) - np.array([0.03, 0.02])
    r = 1.32 * width
    cx, cy = stance.place((x, y))
    # The paw ends the leg: its frame puts it at the leg's low end, where patterns put socks.
    frame = Frame(
        np.array([cx, cy - stance.unit * 0.25]),
        np.array([stance.unit * r, 0.0]),
        np.array([0.0, stance.unit * 0.32]),
    )
    fur.part(ellipse(cx, cy, r * stance.unit, 0.72 * r * stance.unit), "leg", frame, tone=tone * 1.04, hair=0.4)
    toes = [stance.place([(x + d * r, y + 0.1 * r), (x + 1.1 * d * r, y + 0.62 * r)]) for d in (-0.32, 0.32)]
    paint(fur.canvas, lines(toes, max(0.6, 0.016 * stance.unit)), (40, 30, 28), 0.55)


def _tail(fur: Fur, stance: Stance, root: tuple[float, float], path: ArrayLike, tone: float = 1.0) -> None:
    """A tail from `root` along offsets scaled with the tail's length; u runs from root to tip for patterns."""
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


def _blend(first: ArrayLike, second: ArrayLike, amount: float) -> Array:
    return (1 - amount) * np.asarray(first, dtype=np.float64) + amount * np.asarray(second, dtype=np.float64)


CAT_TAIL_DOWN = [(0, 0), (0.28, 0.04), (0.42, -0.08), (0.5, -0.3), (0.42, -0.48)]
CAT_TAIL_UP = [(0, 0), (0.22, -0.12), (0.34, -0.42), (0.36, -0.78), (0.5, -1.02)]
DOG_TAIL_WAG = [(0, 0), (0.2, -0.12), (0.36, -0.34), (0.46, -0.58), (0.48, -0.76)]
DOG_TAIL_ROLL = [(0, 0), (0.14, -0.24), (0.04, -0.5), (-0.2, -0.52), (-0.26, -0.3)]


def _raised_tail(fur: Fur) -> Array:
    """Cat, wagging or rolled tail by the build's curl; a cat's is long."""
    curl = fur.build.tail_curl
    if curl > 0.8:
        return np.asarray(DOG_TAIL_ROLL)
    return _blend(CAT_TAIL_UP, DOG_TAIL_WAG, np.clip((curl - 0.4) / 0.1, 0, 1))


def sitting(fur: Fur, stance: Stance, face: bool = True) -> Box:
    """Sitting upright, seen from the front, or from behind when `face` is False."""
    b = fur.build
    g, lift = b.girth, 1 + 0.16 * (b.leg - 1)
    top = -1.12 * lift
    sitting_tail = _blend(CAT_TAIL_DOWN, DOG_TAIL_WAG, np.clip((b.tail_curl - 0.3) / 0.5, 0, 1))
    if face:
        _tail(fur, stance, (0.4 * g, -0.12), sitting_tail)
    torso = [
        (0, top - 0.12),
        (0.27 * g, top),
        (0.38 * g, -0.8),
        (0.5 * g, -0.42),
        (0.56 * g, -0.12),
        (0.4 * g, 0.0),
        (0, 0.02),
        (-0.4 * g, 0.0),
        (-0.56 * g, -0.12),
        (-0.5 * g, -0.42),
        (-0.38 * g, -0.8),
        (-0.27 * g, top),
    ]
    fur.part(stance.place(smooth(torso, 6)), "body", stance.frame(0, -0.55, 0.58 * g, 0.62))
    for side in (-1, 1):
        thigh = smooth(
            [
                (side * 0.2 * g, -0.1),
                (side * 0.3 * g, -0.42),
                (side * 0.52 * g, -0.4),
                (side * 0.62 * g, -0.14),
                (side * 0.46 * g, 0.0),
            ],
            6,
        )
        fur.part(
            stance.place(thigh), "body", stance.frame(side * 0.42 * g, -0.2, 0.26 * g, 0.34), tone=0.97, hair=0.5
        )
        if face:
            _paw(fur, stance, (side * 0.48 * g, -0.03), 0.1, 0.95)
    if face:
        chest = smooth(
            [
                (0, top),
                (0.22 * g, top + 0.12),
                (0.2 * g, -0.7),
                (0, -0.42),
                (-0.2 * g, -0.7),
                (-0.22 * g, top + 0.12),
            ],
            6,
        )
        fur.part(stance.place(chest), "chest", stance.frame(0, -0.8, 0.34 * g, 0.5), hair=1.4)
        for side in (-1, 1):
            w = 0.092 * (1 + 0.8 * b.fluff)
            _limb(
                fur,
                stance,
                [(side * 0.17 * g, -0.8), (side * 0.17 * g, -0.4), (side * 0.155 * g, -0.04)],
                (1.35 * w, w, 0.95 * w),
            )
    else:
        _tail(fur, stance, (0.05, -0.06), sitting_tail)
    pose = stance.head(fur, 0.0, top - 0.36 * (b.head / 0.43))
    if face and stance.collar is not None:
        collar(fur, pose, stance.collar)
    return draw_head(fur, pose, face)


def standing(fur: Fur, stance: Stance, face: bool = True) -> Box:
    """Standing or walking side on, the head turned to the viewer."""
    b = fur.build
    g, leg = b.girth, 0.66 * b.leg
    back, belly = -leg - 0.5 * g, -leg + 0.06 * g
    rng = fur.rng
    stride = 0.1 * rng.uniform(-1, 1)
    _tail(fur, stance, (0.74, back + 0.14), _raised_tail(fur), tone=0.97)
    w = 0.095 * (1 + 0.9 * b.fluff) * (0.8 + 0.2 * g)
    for x, shift in ((-0.42, -stride), (0.66, stride)):
        _limb(
            fur, stance, [(x, -leg), (x + 0.02, -0.5 * leg), (x + shift, -0.04)], (1.5 * w, w, 0.9 * w), tone=0.78
        )
    torso = [
        (-0.78, back + 0.22),
        (-0.6, back),
        (-0.1, back + 0.05),
        (0.45, back + 0.0),
        (0.76, back + 0.14),
        (0.84, back + 0.4),
        (0.66, belly - 0.06),
        (0.2, belly - 0.08),
        (-0.3, belly + 0.02),
        (-0.68, belly),
        (-0.84, belly - 0.2),
    ]
    fur.part(stance.place(smooth(torso, 6)), "body", stance.frame(0, (back + belly) / 2, 0.84, 0.36 * g))
    thigh = smooth(
        [
            (0.44, back + 0.3),
            (0.7, back + 0.2),
            (0.86, back + 0.5),
            (0.74, -0.62 * leg),
            (0.56, -0.66 * leg),
            (0.44, belly - 0.1),
        ],
        6,
    )
    fur.part(
        stance.place(thigh), "body", stance.frame(0.64, (back + belly) / 2, 0.3, 0.42 * g), tone=1.01, hair=0.4
    )
    _limb(
        fur,
        stance,
        [(0.66, -0.75 * leg), (0.74, -0.42 * leg), (0.68 - stride, -0.04)],
        (1.5 * w, 0.9 * w, 0.9 * w),
    )
    _limb(fur, stance, [(-0.58, -1.0 * leg), (-0.58, -0.5 * leg), (-0.6 + stride, -0.04)], (1.6 * w, w, 0.9 * w))
    neck = smooth(
        [
            (-0.5, back + 0.02),
            (-0.72, back - 0.3),
            (-1.08, back - 0.2),
            (-1.0, back + 0.2),
            (-0.74, belly - 0.22),
            (-0.5, back + 0.3),
        ],
        6,
    )
    fur.part(stance.place(neck), "body", stance.frame(-0.76, back + 0.1, 0.4, 0.5), hair=1.2)
    pose = stance.head(fur, -0.96, back - 0.26)
    if stance.collar is not None:
        collar(fur, pose, stance.collar)
    return draw_head(fur, pose, face)


def lying(fur: Fur, stance: Stance, face: bool = True) -> Box:
    """Lying on its belly, front paws ahead, the tail around."""
    b = fur.build
    g = b.girth
    top = -0.66 * g
    curl_path = [(0, 0), (0.16, 0.12), (0.06, 0.2), (-0.24, 0.2), (-0.5, 0.17)]
    torso = [
        (-0.72, -0.5),
        (-0.45, top + 0.02),
        (0.1, top + 0.04),
        (0.6, top - 0.02),
        (0.95, -0.42),
        (0.98, -0.1),
        (0.8, 0.0),
        (0.1, 0.02),
        (-0.6, 0.0),
        (-0.82, -0.14),
    ]
    fur.part(stance.place(smooth(torso, 6)), "body", stance.frame(0.1, -0.32, 0.92, 0.38 * g))
    thigh = smooth([(0.38, -0.02), (0.42, -0.36), (0.68, -0.5 * g), (0.94, -0.32), (0.92, -0.04), (0.6, 0.02)], 6)
    fur.part(stance.place(thigh), "body", stance.frame(0.68, -0.24, 0.34, 0.34), tone=1.01, hair=0.5)
    _paw(fur, stance, (0.42, -0.04), 0.1, 0.98)
    _tail(fur, stance, (0.88, -0.16), curl_path)
    w = 0.1 * (1 + 0.8 * b.fluff)
    chest = smooth([(-0.76, -0.66), (-0.44, -0.62), (-0.38, -0.2), (-0.6, 0.0), (-0.86, -0.16)], 6)
    fur.part(stance.place(chest), "chest", stance.frame(-0.6, -0.35, 0.3, 0.4), hair=1.3)
    _limb(fur, stance, [(-0.4, -0.16), (-0.62, -0.08), (-0.84, -0.03)], (1.2 * w, w, w), tone=0.86)
    _limb(fur, stance, [(-0.36, -0.1), (-0.66, -0.04), (-0.98, 0.02)], (1.3 * w, 1.05 * w, w))
    pose = stance.head(fur, -0.62, -0.86 * (0.7 + 0.3 * g))
    if stance.collar is not None:
        collar(fur, pose, stance.collar)
    return draw_head(fur, pose, face)


def portrait(fur: Fur, stance: Stance, face: bool = True) -> Box:
    """Head and shoulders, close up; the ground point lies below the picture."""
    b = fur.build
    g = b.girth
    shoulders = [
        (0, -1.2),
        (0.34 * g, -1.1),
        (0.62 * g, -0.72),
        (0.78 * g, -0.1),
        (0.8 * g, 0.4),
        (-0.8 * g, 0.4),
        (-0.78 * g, -0.1),
        (-0.62 * g, -0.72),
        (-0.34 * g, -1.1),
    ]
    fur.part(stance.place(smooth(shoulders, 6)), "body", stance.frame(0, -0.4, 0.8 * g, 0.9))
    chest = smooth(
        [(0, -1.1), (0.3 * g, -0.9), (0.34 * g, -0.3), (0, 0.3), (-0.34 * g, -0.3), (-0.3 * g, -0.9)], 6
    )
    fur.part(stance.place(chest), "chest", stance.frame(0, -0.5, 0.5 * g, 0.8), hair=1.5)
    pose = stance.head(fur, 0.0, -1.36, 1.25)
    if stance.collar is not None:
        collar(fur, pose, stance.collar)
    return draw_head(fur, pose, face)


def from_behind(fur: Fur, stance: Stance) -> Box:
    """Sitting with its back to the viewer: ears and tail only."""
    return sitting(fur, stance, face=False)


POSES: dict[str, Callable[[Fur, Stance], Box]] = {
    "sitting": sitting,
    "standing": standing,
    "lying": lying,
    "portrait": portrait,
    "behind": from_behind,
}
