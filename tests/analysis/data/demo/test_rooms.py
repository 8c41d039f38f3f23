"""Rooms: a wall above a floor, furniture that stays in its place, and no red but the shortcut's."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.data.demo import rooms as demo_rooms
from analysis.data.demo.canvas import SIZE
from analysis.data.demo.rooms import draw_room

FURNITURE = ("_window", "_picture", "_sofa", "_shelf", "_plant", "_lamp", "_curtain", "_cabinet", "_rug")
BOARD = (236, 232, 224)


def room(seed: int, horizon: float = 120.0) -> np.ndarray:
    canvas = np.full((SIZE, SIZE, 3), np.nan, np.float32)
    draw_room(canvas, horizon, np.random.default_rng(seed))
    return canvas


def test_every_pixel_is_painted_and_the_same_stream_paints_the_same() -> None:
    for seed in range(15):
        canvas = room(seed)
        assert np.isfinite(canvas).all(), seed
        np.testing.assert_array_equal(canvas, room(seed))


@pytest.mark.parametrize("horizon", [100.0, 131.0])
def test_the_skirting_board_ends_at_the_horizon(horizon: float) -> None:
    visible = 0
    for seed in range(20):
        canvas = room(seed, horizon)
        on, below = canvas[int(horizon) - 3], canvas[int(horizon) + 3]
        visible += (np.abs(on - BOARD).max(axis=-1) < 1).mean() > 0.2
        assert (np.abs(below - BOARD).max(axis=-1) < 1).mean() < 0.2
    assert visible >= 15  # in some rooms furniture hides it


def test_nothing_in_a_room_is_red() -> None:
    for seed in range(30):
        red, green, blue = np.moveaxis(room(seed), -1, 0)
        assert not ((red - green > 100) & (red - blue > 90)).any(), seed


@pytest.mark.parametrize("name", FURNITURE)
def test_every_piece_of_furniture_is_painted_on_a_part_of_the_room(name: str) -> None:
    for seed in range(8):
        before = np.full((SIZE, SIZE, 3), 128, np.float32)
        canvas, again = before.copy(), before.copy()
        for target in (canvas, again):
            getattr(demo_rooms, name)(target, 120.0, np.random.default_rng(seed))
        np.testing.assert_array_equal(canvas, again)
        changed = np.abs(canvas - before).max(axis=-1) > 2
        assert 0.005 < changed.mean() < 0.6, (name, seed)
        if name in ("_window", "_picture", "_shelf"):  # on the wall
            assert not changed[121:].any()
        if name == "_rug":  # on the floor
            assert not changed[:120].any()
