"""The drawing primitives against areas and curves known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.data.demo.canvas import (
    SIZE,
    ellipse,
    fill,
    furry,
    lines,
    mix,
    noise,
    ramp,
    rasterise,
    rectangle,
    smooth,
    soft_shadow,
    step,
    taper,
)


def test_an_ellipse_covers_its_area() -> None:
    patch = rasterise(ellipse(112.3, 100.7, 40, 25, 0.4, n=200))
    assert patch.alpha.sum() == pytest.approx(np.pi * 40 * 25, rel=0.02)


def test_a_shape_is_cut_at_the_canvas_and_empty_outside() -> None:
    cut = rasterise(rectangle(-10, 200, 10, 260))
    assert (cut.columns.stop, cut.rows.stop) == (11, SIZE)
    assert cut.alpha.sum() == pytest.approx(10 * 24, rel=0.06)
    assert rasterise(rectangle(300, 0, 310, 10)).empty


def test_edges_are_antialiased() -> None:
    canvas = np.zeros((SIZE, SIZE, 3), np.float32)
    fill(canvas, ellipse(112, 112, 30, 30), (255, 255, 255))
    between = (canvas[..., 0] > 20) & (canvas[..., 0] < 235)
    assert 60 < between.sum() < 400


def test_a_smooth_curve_passes_through_its_points() -> None:
    points = np.array([(0.0, 0.0), (4, 1), (5, 6), (1, 7)])
    assert np.allclose(smooth(points, 8)[::8], points)
    opened = smooth(points, 8, closed=False)
    assert np.allclose(opened[[0, -1]], points[[0, -1]])


def test_a_stroke_is_as_wide_as_asked() -> None:
    path = np.stack([np.linspace(40, 140, 30), np.full(30, 80.0)], 1)
    alpha = rasterise(taper(path, (6, 6))).alpha
    assert alpha[:, 40].sum() == pytest.approx(12, abs=0.7)


def test_hair_only_adds() -> None:
    outline = ellipse(112, 112, 40, 40, n=120)
    bald, hairy = rasterise(outline), rasterise(furry(outline, 5, np.random.default_rng(0)))
    assert hairy.alpha.sum() > bald.alpha.sum() * 1.02
    assert furry(outline, 0.0, np.random.default_rng(0)) is outline


@pytest.mark.parametrize("kind", ["soft", "cloud", "blot", "mottle", "grain", "hair0", "hair3"])
def test_noise_is_standardised_and_follows_the_stream(kind: str) -> None:
    first, again = (noise(kind, (200, 200), np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, again)
    assert abs(first.mean()) < 0.4
    assert 0.6 < first.std() < 1.4


def test_hair_noise_runs_along_its_direction() -> None:
    streaks = noise("hair0", (200, 200), np.random.default_rng(1))
    assert np.abs(np.diff(streaks, axis=1)).mean() < 0.3 * np.abs(np.diff(streaks, axis=0)).mean()


def test_a_soft_shadow_darkens_around_its_shape_and_nowhere_else() -> None:
    canvas = np.full((SIZE, SIZE, 3), 200, np.float32)
    shadow = soft_shadow(canvas, rectangle(80, 80, 120, 120), radius=3, strength=0.4)
    assert shadow[100, 100] == pytest.approx(0.4, abs=0.01)
    assert shadow[100, 79:81].mean() == pytest.approx(0.2, abs=0.03)  # half of it at the edge
    assert not shadow[:60].any()
    np.testing.assert_allclose(canvas, 200 * (1 - shadow[..., None] * np.ones(3)), rtol=1e-5)


def test_step_mix_ramp_and_lines() -> None:
    assert np.allclose(step(np.array([0.0, 0.5, 1.0]), 0.5, 0.25), [0, 0.5, 1])
    assert np.allclose(mix((0, 0, 0), (10, 20, 30), np.array([[0.5]])), [[[5, 10, 15]]])
    canvas = np.zeros((SIZE, SIZE, 3), np.float32)
    ramp(canvas, 10, 21, (0, 0, 0), (100, 100, 100))
    assert np.allclose(canvas[15], 50)
    assert not canvas[:10].any()
    stroke = lines([np.array([(20.0, 50.0), (120.0, 50.0)])], 2.0)
    assert stroke.alpha.sum() == pytest.approx(200, rel=0.1)
