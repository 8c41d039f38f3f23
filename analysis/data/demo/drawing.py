"""One demo picture, painted from its row of the plan: background, animal, foreground, shortcut, exposure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.data.demo.ball import draw_shortcut, place_shortcut
from analysis.data.demo.bodies import POSES
from analysis.data.demo.breeds import BREEDS, CATS, DOGS, PLAIN_COATS, Build, Coat
from analysis.data.demo.canvas import SIZE, Array, Colour, ellipse, noise, soft_shadow
from analysis.data.demo.foreground import draw_foreground
from analysis.data.demo.fur import Fur
from analysis.data.demo.heads import Box
from analysis.data.demo.limbs import Stance
from analysis.data.demo.plan import Picture
from analysis.data.demo.scenes import Scene, draw_scene

COLLARS: tuple[Colour, ...] = ((52, 104, 168), (60, 132, 96), (112, 84, 150), (70, 70, 78))


@dataclass(frozen=True)
class Drawing:
    """A drawn picture and the truth about it.

    Attributes
    ----------
    picture : the row of the plan
    image : (224, 224, 3) uint8
    mask : (224, 224) bool, the visible part of the animal
    head_box : xmin, ymin, xmax, ymax in pixels
    shortcut_mask : (224, 224) bool, the shortcut; all False where it is not drawn
    shortcut_area : (224, 224) bool, every pixel that the shortcut or its shadow changes
    pose : "sitting", "standing", "lying", "portrait" or "behind"
    indoor : whether the background is a room
    """

    picture: Picture
    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    head_box: Box
    shortcut_mask: NDArray[np.bool_]
    shortcut_area: NDArray[np.bool_]
    pose: str
    indoor: bool


def draw_picture(picture: Picture, shortcut: bool) -> Drawing:
    """Draw `picture` with or without the shortcut; outside `shortcut_area` both are the same pixel by pixel."""
    # One random stream for each step, and the shortcut is painted last: leaving it out changes no other step.
    scene_rng, animal_rng, foreground_rng, shortcut_rng, camera_rng = (
        np.random.default_rng([*picture.seed, stream]) for stream in range(5)
    )
    indoor = bool(scene_rng.random() < 0.55)
    scene = draw_scene(indoor, scene_rng)
    coverage, head_box, pose, feet = _draw_animal(picture, scene, animal_rng)
    n_objects = 0 if pose == "portrait" else int(foreground_rng.choice([0, 1, 2], p=[0.45, 0.4, 0.15]))
    foreground = draw_foreground(scene.canvas, indoor, n_objects, feet, foreground_rng)
    visible = coverage * (1 - foreground) > 0.5
    place = place_shortcut(coverage, feet, shortcut_rng)
    shortcut_mask = shortcut_area = np.zeros((SIZE, SIZE), bool)
    if shortcut:
        shortcut_mask, shortcut_area = draw_shortcut(scene.canvas, place, scene.light, shortcut_rng)
    image = _photograph(scene.canvas, camera_rng)
    return Drawing(picture, image, visible & ~shortcut_mask, head_box, shortcut_mask, shortcut_area, pose, indoor)


def _build_and_coat(picture: Picture, rng: np.random.Generator) -> tuple[Build, Coat]:
    """Choose a coat of the breed and vary its build; an ambiguous animal gets half of another species' build."""
    breed = BREEDS[picture.breed]
    build = breed.build
    coat = breed.coats[rng.integers(len(breed.coats))]
    others = DOGS if breed.species == "cat" else CATS
    other = others[rng.integers(len(others))].build
    if picture.ambiguous:
        build = build.blend(other, float(rng.uniform(0.43, 0.5)))
        coat = PLAIN_COATS[rng.integers(len(PLAIN_COATS))]
    jitter = {
        name: getattr(build, name) * float(rng.uniform(1 - spread, 1 + spread))
        for name, spread in (
            ("head", 0.07),
            ("girth", 0.09),
            ("leg", 0.07),
            ("tail_length", 0.14),
            ("fluff", 0.2),
            ("eye_rx", 0.08),
            ("eye_ry", 0.1),
            ("muzzle_w", 0.06),
            ("nose_w", 0.08),
        )
    }
    ear = build.ear * (1, float(rng.uniform(0.92, 1.08)))
    shade = float(rng.uniform(0.88, 1.08))
    base: Colour = (coat.base[0] * shade, coat.base[1] * shade, coat.base[2] * shade)
    return replace(build, ear=ear, **jitter), replace(coat, base=base)


def _draw_animal(picture: Picture, scene: Scene, rng: np.random.Generator) -> tuple[Array, Box, str, float]:
    """Paint the animal and return its coverage, head box, pose and the height of its feet (y in pixels)."""
    build, coat = _build_and_coat(picture, rng)
    probabilities = [0.34, 0.24, 0.2, 0.16, 0.06]
    pose = str(rng.choice(list(POSES), p=probabilities))
    low, high = {"portrait": (84, 104), "standing": (56, 78), "lying": (66, 92)}.get(pose, (66, 94))
    unit = float(rng.uniform(low, high))
    flip = int(rng.choice([-1, 1]))
    if pose == "portrait":
        feet, x = 224.0 + rng.uniform(-14, 16), rng.uniform(92, 132)
    else:
        feet = float(np.clip(scene.horizon + rng.uniform(36, 84), 168, 214))
        unit = min(unit, feet / (2.15 if pose == "lying" else 2.4))  # the ears stay in the picture
        reach = 20 if pose in ("standing", "lying") else 40
        x = (
            112
            + rng.uniform(-reach, reach)
            + (14 * flip if pose == "standing" else -6 * flip if pose == "lying" else 0)
        )
        shadow = ellipse(x, feet - 1, unit * (1.0 if pose in ("standing", "lying") else 0.72), unit * 0.15)
        soft_shadow(scene.canvas, shadow, 5, 0.5)
    collar = COLLARS[rng.integers(len(COLLARS))] if rng.random() < 0.35 else None
    stance = Stance(
        float(x),
        float(feet),
        unit,
        flip,
        float(rng.normal(0, 0.09)),
        float(rng.uniform(-0.6, 0.6)),
        float(rng.choice([0.0, 0.0, rng.uniform(0.1, 0.6)])),
        bool(rng.random() < 0.4),
        collar,
    )
    fur = Fur(scene.canvas, coat, build, rng, scene.light, hair=build.fluff * build.head * unit)
    head_box = POSES[pose](fur, stance)
    return fur.coverage, head_box, pose, min(float(feet), 206.0)


def _photograph(canvas: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the canvas as a camera shows it, uint8: exposure, white balance, vignette and grain.

    Every step works pixel by pixel, so that a change of the canvas changes only the same pixels of the picture.
    """
    exposure = rng.uniform(0.72, 1.08) * np.array([1.0, 1.0, 1.0]) + rng.uniform(-0.05, 0.05) * np.array(
        [1, 0, -1]
    )
    axis = np.linspace(-1, 1, SIZE, dtype=np.float32)
    vignette = 1 - np.float32(rng.uniform(0.05, 0.22)) * (axis[:, None] ** 2 + axis[None, :] ** 2) / 2
    image = canvas * np.float32(exposure) * vignette[..., None]
    image += np.float32(rng.uniform(0.8, 2.6)) * noise("grain", (SIZE, SIZE), rng)[..., None]
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)
