"""The scene behind the animal: a room or a landscape, a little out of focus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from analysis.data.demo_canvas import SIZE, Array
from analysis.data.demo_landscapes import draw_landscape
from analysis.data.demo_rooms import draw_room

Generator = np.random.Generator


@dataclass(frozen=True)
class Scene:
    """A painted background: the canvas, whether it is a room, the height of the floor's far edge, the light."""

    canvas: Array
    indoor: bool
    horizon: float
    light: tuple[float, float]


def draw_scene(indoor: bool, rng: Generator) -> Scene:
    """Paint a room or a landscape."""
    horizon = float(rng.uniform(96, 140))
    light = (float(rng.choice([-0.65, 0.65])), -0.75)
    canvas = np.zeros((SIZE, SIZE, 3), np.float32)
    (draw_room if indoor else draw_landscape)(canvas, horizon, rng)
    # A camera focuses on the animal: what is behind it is a little soft.
    depth = float(rng.uniform(0.4, 1.3))
    sharp = Image.fromarray(np.clip(canvas + 0.5, 0, 255).astype(np.uint8))
    canvas = np.array(sharp.filter(ImageFilter.GaussianBlur(depth)), dtype=np.float32)
    return Scene(canvas, indoor, horizon, light)
