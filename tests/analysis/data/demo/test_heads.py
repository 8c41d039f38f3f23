"""Heads: coordinates, the box around skull and ears, faces, and collars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from analysis.data.demo.breeds import BREEDS
from analysis.data.demo.fur import Fur
from analysis.data.demo.heads import HeadPose, collar, draw_head, head_outline

Brush = Callable[..., Fur]
POSE = HeadPose(112.0, 112.0, 40.0, tilt=0.0, yaw=0.0, lid=0.0, tongue=False)


def test_head_coordinates_are_scaled_turned_and_moved() -> None:
    np.testing.assert_allclose(POSE.place([(0, 0), (1, -0.5)]), [(112, 112), (152, 92)])
    assert POSE.spot(1, -0.5) == (152, 92)
    quarter = replace(POSE, tilt=np.pi / 2)
    np.testing.assert_allclose(quarter.place((1, 0)), (112, 152), atol=1e-9)  # right turns to below
    turned = replace(POSE, yaw=0.5)
    np.testing.assert_allclose(turned.place((0, 0), depth=0.3), (112 + 40 * 0.15, 112))
    np.testing.assert_allclose(turned.place((0, 0)), (112, 112))  # a flat feature does not move
    frame = quarter.frame(0, 0, 0.5, 0.25)
    np.testing.assert_allclose(
        [frame.centre, frame.across, frame.down], [(112, 112), (0, 20), (-10, 0)], atol=1e-9
    )


@pytest.mark.parametrize("breed", BREEDS)
def test_the_box_is_that_of_skull_and_ears(fur_of: Brush, breed: str) -> None:
    fur = fur_of(breed)
    x0, y0, x1, y1 = draw_head(fur, POSE)
    assert 0 <= x0 < x1 < 224
    assert 0 <= y0 < y1 < 224
    outline = head_outline(fur)
    points = np.concatenate([outline, fur.build.ear, fur.build.ear * (-1, 1)]) * 40 + 112
    assert (x0, y0) == tuple(np.floor(points.min(axis=0)))
    assert (x1, y1) == tuple(np.ceil(points.max(axis=0)))
    inside = fur.coverage[y0:y1, x0:x1].sum()
    assert inside > 0.95 * fur.coverage.sum() - fur.build.fluff * 8000  # long hair and a ruff reach outside
    assert inside > 0.45 * (x1 - x0) * (y1 - y0)


def test_a_head_is_symmetric_and_a_skull_closed(fur_of: Brush) -> None:
    outline = head_outline(fur_of("beagle"))
    mirror = outline * (-1, 1)
    distances = np.linalg.norm(outline[:, None] - mirror[None], axis=-1).min(axis=1)
    assert distances.max() < 0.05
    assert np.linalg.norm(np.diff(outline, axis=0, append=outline[:1]), axis=1).max() < 0.2


def test_ears_stand_up_on_a_cat_and_hang_beside_the_skull_of_a_basset(fur_of: Brush) -> None:
    cat, dog = fur_of("Siamese"), fur_of("basset_hound")
    for fur in (cat, dog):
        draw_head(fur, POSE)
    above, beside = slice(0, 70), (slice(120, 150), slice(155, 224))
    assert cat.coverage[above].sum() > 300
    assert dog.coverage[above].sum() == 0
    assert dog.coverage[beside].sum() > 50 > cat.coverage[beside].sum()


def near(canvas: np.ndarray, colour: tuple[float, float, float], tolerance: float) -> np.ndarray:
    return np.abs(canvas - np.float32(colour)).max(axis=-1) < tolerance


def test_a_face_has_two_eyes_and_a_nose_and_the_back_of_a_head_has_none(fur_of: Brush) -> None:
    front, back = fur_of("Siamese"), fur_of("Siamese")
    draw_head(front, POSE)
    draw_head(back, POSE, face=False)
    blue, build = front.coat.iris, front.build
    for side in (-1, 1):
        x, y = POSE.spot(side * build.eye_x, build.eye_y)
        eye = (slice(int(y) - 10, int(y) + 10), slice(int(x) - 10, int(x) + 10))
        bluish = [(fur.canvas[eye][..., 2] - fur.canvas[eye][..., 0] > 40).sum() for fur in (front, back)]
        assert bluish[0] > 15, blue
        assert bluish[1] == 0
    x, y = POSE.spot(0, build.nose_y + 0.3 * build.nose_h)
    nose = (slice(int(y) - 2, int(y) + 2), slice(int(x) - 2, int(x) + 2))
    assert near(front.canvas[nose], front.coat.nose, 12).any()
    assert front.coverage.sum() == pytest.approx(back.coverage.sum(), rel=0.02)


def test_closed_eyes_show_less_of_the_iris(fur_of: Brush) -> None:
    areas = []
    for lid in (0.0, 0.9):
        fur = fur_of("Siamese")
        draw_head(fur, replace(POSE, lid=lid))
        areas.append((fur.canvas[..., 2] - fur.canvas[..., 0] > 40).sum())
    assert areas[1] < 0.8 * areas[0]


def test_only_a_dog_shows_its_tongue(fur_of: Brush) -> None:
    changed = {}
    for breed in ("beagle", "Siamese"):
        canvases = []
        for tongue in (True, False):
            fur = fur_of(breed)
            draw_head(fur, replace(POSE, tongue=tongue))
            canvases.append(fur.canvas)
        changed[breed] = (canvases[0] != canvases[1]).any(axis=-1)
    assert not changed["Siamese"].any()
    assert changed["beagle"].sum() > 50
    assert np.argwhere(changed["beagle"])[:, 0].min() > 112  # below the middle of the head


def test_the_shadow_of_a_head_falls_on_the_animal_alone(fur_of: Brush) -> None:
    fur = fur_of("Russian_Blue")
    fur.coverage[:, :112] = 1  # a body on the left half
    before = fur.canvas.copy()
    draw_head(fur, POSE)
    chin = slice(154, 158)  # just below the chin
    assert (fur.canvas[chin, 100:108] < before[chin, 100:108] - 5).all()
    np.testing.assert_array_equal(fur.canvas[chin, 116:124], before[chin, 116:124])


def test_a_collar_is_below_the_head(fur_of: Brush) -> None:
    fur = fur_of("Bengal")
    collar(fur, POSE, (52, 104, 168))
    rows, columns = np.nonzero(near(fur.canvas, (52, 104, 168), 1))
    assert len(rows) > 100
    assert rows.min() > 112 + 20
    assert abs(columns.mean() - 112) < 1
