"""Landscapes: sky above ground, all five kinds, and no red but the shortcut's."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.data.demo import landscapes as demo_landscapes
from analysis.data.demo.canvas import SIZE
from analysis.data.demo.landscapes import draw_landscape

KINDS = ("meadow", "garden", "beach", "snow", "wood")


class OneKind:
    """A stream of random numbers whose first choice, that of the landscape, is given."""

    def __init__(self, kind: str, seed: int) -> None:
        self.kind, self.rng = kind, np.random.default_rng(seed)

    def choice(self, options: list[str], p: list[float]) -> str:
        assert self.kind in options
        assert sum(p) == pytest.approx(1)
        return self.kind

    def __getattr__(self, name: str) -> object:
        return getattr(self.rng, name)


def landscape(kind: str, seed: int, horizon: float = 120.0) -> np.ndarray:
    canvas = np.full((SIZE, SIZE, 3), np.nan, np.float32)
    draw_landscape(canvas, horizon, OneKind(kind, seed))
    return canvas


@pytest.mark.parametrize("kind", KINDS)
def test_every_pixel_is_painted_and_nothing_is_red(kind: str) -> None:
    for seed in range(8):
        canvas = landscape(kind, seed)
        assert np.isfinite(canvas).all(), seed
        np.testing.assert_array_equal(canvas, landscape(kind, seed))
        red, green, blue = np.moveaxis(canvas, -1, 0)
        assert ((red - green > 100) & (red - blue > 90)).mean() < 0.002, seed


@pytest.mark.parametrize("kind", KINDS)
def test_the_sky_is_never_warmer_than_grey_and_the_ground_has_the_colour_of_its_kind(kind: str) -> None:
    for seed in range(6):
        canvas = landscape(kind, seed)
        sky, ground = canvas[:12].mean(axis=(0, 1)), canvas[150:].mean(axis=(0, 1))
        assert sky[2] >= sky[0] - 2
        brightness, warmth = ground.mean(), ground[0] - ground[2]
        if kind == "snow":
            assert brightness > 190
        elif kind == "beach":
            assert brightness > 150
            assert warmth > 30  # sand
        else:
            assert brightness < 170
            assert ground[1] > ground[2] + 15  # grass or earth


def test_the_ground_begins_at_the_horizon() -> None:
    for horizon in (100.0, 140.0):
        canvas = landscape("beach", 1, horizon)
        sea, sand = canvas[int(horizon) - 3].mean(axis=0), canvas[int(horizon) + 3].mean(axis=0)
        assert sea[2] > sea[0]
        assert sand[0] > sand[2]


@pytest.mark.parametrize("name", ["_fence", "_hedge"])
def test_a_fence_and_a_hedge_span_the_picture_at_the_horizon(name: str) -> None:
    before = np.full((SIZE, SIZE, 3), 20, np.float32)
    canvas = before.copy()
    getattr(demo_landscapes, name)(canvas, 120.0, np.random.default_rng(0))
    changed = np.abs(canvas - before).max(axis=-1) > 5
    assert changed[112:116].any(axis=0).mean() > 0.97
    assert not changed[:60].any()
    assert not changed[130:].any()
