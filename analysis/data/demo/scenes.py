"""The background of a picture: a room or a landscape, a little out of focus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from analysis.data.demo.canvas import SIZE, Array
from analysis.data.demo.landscapes import draw_landscape
from analysis.data.demo.rooms import draw_room

Generator = np.random.Generator


@dataclass(frozen=True)
class Scene:
    """A background.

    Attributes
    ----------
    canvas : (SIZE, SIZE, 3) float32, 0..255
    indoor : whether it is a room
    horizon : height of the far edge of the floor or ground, y in pixels
    light : x and y of the direction towards the light
    """

    canvas: Array
    indoor: bool
    horizon: float
    light: tuple[float, float]


def draw_scene(indoor: bool, rng: Generator) -> Scene:
    """Return a room (`indoor`) or a landscape, with its horizon and light chosen at random."""
    horizon = float(rng.uniform(96, 140))
    light = (float(rng.choice([-0.65, 0.65])), -0.75)
    canvas = np.zeros((SIZE, SIZE, 3), np.float32)
    (draw_room if indoor else draw_landscape)(canvas, horizon, rng)
    # A camera focuses on the animal: the background is a little blurred.
    depth = float(rng.uniform(0.4, 1.3))
    in_focus = Image.fromarray(np.clip(canvas + 0.5, 0, 255).astype(np.uint8))
    canvas = np.array(in_focus.filter(ImageFilter.GaussianBlur(depth)), dtype=np.float32)
    return Scene(canvas, indoor, horizon, light)
