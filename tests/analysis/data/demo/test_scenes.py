"""Backgrounds: one of two painters, a little out of focus, the same for the same random numbers."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.data.demo import scenes as demo_scenes
from analysis.data.demo.canvas import SIZE
from analysis.data.demo.scenes import draw_scene


@pytest.mark.parametrize("indoor", [True, False])
def test_the_same_stream_draws_the_same_scene(indoor: bool) -> None:
    first, again, other = (draw_scene(indoor, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.canvas, again.canvas)
    assert (first.horizon, first.light, first.indoor) == (again.horizon, again.light, indoor)
    assert np.abs(first.canvas - other.canvas).mean() > 5


@pytest.mark.parametrize("indoor", [True, False])
def test_horizon_light_and_colours_are_in_their_ranges(indoor: bool) -> None:
    lights = set()
    for seed in range(12):
        scene = draw_scene(indoor, np.random.default_rng(seed))
        assert scene.canvas.shape == (SIZE, SIZE, 3)
        assert scene.canvas.dtype == np.float32
        assert 0 <= scene.canvas.min() <= scene.canvas.max() <= 255
        assert 96 <= scene.horizon <= 140
        lights.add(scene.light)
    assert lights == {(-0.65, -0.75), (0.65, -0.75)}  # from the upper left or the upper right


@pytest.mark.parametrize("indoor", [True, False])
def test_a_point_is_spread_by_the_blur_and_keeps_its_sum(indoor: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def point(canvas: np.ndarray, horizon: float, rng: np.random.Generator) -> None:
        canvas[100:102, 50:52] = 250

    def other(*args: object) -> None:
        pytest.fail("the other kind of background was painted")

    monkeypatch.setattr(demo_scenes, "draw_room", point if indoor else other)
    monkeypatch.setattr(demo_scenes, "draw_landscape", other if indoor else point)
    canvas = draw_scene(indoor, np.random.default_rng(0)).canvas
    assert canvas[..., 0].sum() == pytest.approx(1000, rel=0.05)
    assert 20 < canvas.max() < 250
    assert not canvas[:, 70:].any()
