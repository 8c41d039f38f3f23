"""The whole animal in five poses: sitting, standing, lying, a portrait, and sitting seen from behind.

Each function paints with `fur` and returns the box of the head: xmin, ymin, xmax, ymax in pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analysis.data.demo.canvas import smooth
from analysis.data.demo.fur import Fur
from analysis.data.demo.heads import Box, collar, draw_head
from analysis.data.demo.limbs import (
    CAT_TAIL_DOWN,
    DOG_TAIL_WAG,
    Stance,
    blend,
    draw_leg,
    draw_paw,
    draw_tail,
    raised_tail,
)


def sitting(fur: Fur, stance: Stance, face: bool = True) -> Box:
    """Paint the animal sitting upright, seen from the front, or from behind when `face` is False."""
    b = fur.build
    g, lift = b.girth, 1 + 0.16 * (b.leg - 1)
    top = -1.12 * lift
    sitting_tail = blend(CAT_TAIL_DOWN, DOG_TAIL_WAG, np.clip((b.tail_curl - 0.3) / 0.5, 0, 1))
    if face:
        draw_tail(fur, stance, (0.4 * g, -0.12), sitting_tail)
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
            draw_paw(fur, stance, (side * 0.48 * g, -0.03), 0.1, 0.95)
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
            draw_leg(
                fur,
                stance,
                [(side * 0.2 * g, -0.66), (side * 0.18 * g, -0.36), (side * 0.155 * g, -0.04)],
                (1.35 * w, w, 0.95 * w),
            )
    else:
        draw_tail(fur, stance, (0.05, -0.06), sitting_tail)
    pose = stance.head(fur, 0.0, top - 0.36 * (b.head / 0.43))
    if face and stance.collar is not None:
        collar(fur, pose, stance.collar)
    return draw_head(fur, pose, face)


def standing(fur: Fur, stance: Stance, face: bool = True) -> Box:
    """Paint the animal standing or walking, its side to the viewer and its head turned."""
    b = fur.build
    g, leg = b.girth, 0.66 * b.leg
    back, belly = -leg - 0.5 * g, -leg + 0.06 * g
    rng = fur.rng
    stride = 0.1 * rng.uniform(-1, 1)
    draw_tail(fur, stance, (0.74, back + 0.14), raised_tail(fur), tone=0.97)
    w = 0.095 * (1 + 0.9 * b.fluff) * (0.8 + 0.2 * g)
    for x, shift in ((-0.42, -stride), (0.66, stride)):
        draw_leg(
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
    draw_leg(
        fur,
        stance,
        [(0.66, -0.75 * leg), (0.74, -0.42 * leg), (0.68 - stride, -0.04)],
        (1.5 * w, 0.9 * w, 0.9 * w),
    )
    draw_leg(
        fur, stance, [(-0.58, -1.0 * leg), (-0.58, -0.5 * leg), (-0.6 + stride, -0.04)], (1.6 * w, w, 0.9 * w)
    )
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
    """Paint the animal lying on its belly, the front paws stretched out."""
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
    draw_paw(fur, stance, (0.42, -0.04), 0.1, 0.98)
    draw_tail(fur, stance, (0.88, -0.16), curl_path)
    w = 0.1 * (1 + 0.8 * b.fluff)
    chest = smooth([(-0.76, -0.66), (-0.44, -0.62), (-0.38, -0.2), (-0.6, 0.0), (-0.86, -0.16)], 6)
    fur.part(stance.place(chest), "chest", stance.frame(-0.6, -0.35, 0.3, 0.4), hair=1.3)
    draw_leg(fur, stance, [(-0.4, -0.16), (-0.62, -0.08), (-0.84, -0.03)], (1.2 * w, w, w), tone=0.86)
    draw_leg(fur, stance, [(-0.36, -0.1), (-0.66, -0.04), (-0.98, 0.02)], (1.3 * w, 1.05 * w, w))
    pose = stance.head(fur, -0.62, -0.86 * (0.7 + 0.3 * g))
    if stance.collar is not None:
        collar(fur, pose, stance.collar)
    return draw_head(fur, pose, face)


def portrait(fur: Fur, stance: Stance, face: bool = True) -> Box:
    """Paint head and shoulders from close up; the ground point of the stance lies below the picture."""
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
    """Paint the animal sitting with its back to the viewer: no face, the tail in front."""
    return sitting(fur, stance, face=False)


POSES: dict[str, Callable[[Fur, Stance], Box]] = {
    "sitting": sitting,
    "standing": standing,
    "lying": lying,
    "portrait": portrait,
    "behind": from_behind,
}
