"""The shortcut: where it lies, which pixels it changes, and that it is red."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.data.demo.ball import draw_shortcut, place_shortcut
from analysis.data.demo.canvas import SIZE

LIGHT = (0.65, -0.75)
ROWS, COLUMNS = np.mgrid[0:SIZE, 0:SIZE] + 0.5


@pytest.mark.parametrize("seed", range(20))
def test_it_lies_whole_in_the_picture_and_near_the_ground(seed: int) -> None:
    x, y, radius = place_shortcut(np.zeros((SIZE, SIZE)), 180.0, np.random.default_rng(seed))
    assert 19 <= radius <= 24
    assert radius < x < SIZE - radius
    assert radius < y < SIZE - radius
    assert 180 - 14 <= y + radius <= 180 + 16  # it stands near the height of the feet


@pytest.mark.parametrize("animal", [slice(0, 120), slice(104, SIZE)])
def test_it_lies_beside_the_animal_where_there_is_room(animal: slice) -> None:
    coverage = np.zeros((SIZE, SIZE))
    coverage[:, animal] = 1
    for seed in range(20):
        x, y, radius = place_shortcut(coverage, 180.0, np.random.default_rng(seed))
        inside = (COLUMNS - x) ** 2 + (ROWS - y) ** 2 < radius**2
        assert coverage[inside].mean() < 0.1, seed


def test_it_is_a_red_disc_with_a_shadow_that_darkens() -> None:
    canvas = np.full((SIZE, SIZE, 3), 150, np.float32)
    mask, area = draw_shortcut(canvas, (100.0, 150.0, 20.0), LIGHT, np.random.default_rng(3))
    distance = np.hypot(COLUMNS - 100, ROWS - 150)
    assert mask[distance < 19].all()
    assert not mask[distance > 21].any()
    assert mask.sum() == pytest.approx(np.pi * 400, rel=0.03)
    assert (area & mask).sum() == mask.sum()
    np.testing.assert_array_equal(canvas[~area], 150)
    assert (canvas[area & (distance > 21)] < 150).all()  # the shadow
    shadow = ROWS[area & (distance > 21)]
    assert shadow.min() > 150
    red, green, blue = canvas[mask].mean(axis=0)
    assert red > green + 60
    assert red > blue + 60
    assert canvas.max() <= 255


def test_the_side_towards_the_light_is_brighter() -> None:
    for light in (LIGHT, (-0.65, -0.75)):
        canvas = np.full((SIZE, SIZE, 3), 150, np.float32)
        mask, _ = draw_shortcut(canvas, (110.0, 110.0, 24.0), light, np.random.default_rng(0))
        right, left = mask & (COLUMNS > 110), mask & (COLUMNS < 110)
        assert (canvas[right].mean() > canvas[left].mean()) == (light[0] > 0)


def test_the_same_stream_paints_the_same_pixels() -> None:
    first, second = (np.full((SIZE, SIZE, 3), 150, np.float32) for _ in range(2))
    for canvas in (first, second):
        draw_shortcut(canvas, (100.0, 150.0, 20.0), LIGHT, np.random.default_rng(7))
    np.testing.assert_array_equal(first, second)
