"""Fur: coordinates of a part, coverage, light and shade, and what each pattern paints where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from analysis.data.demo.breeds import Coat
from analysis.data.demo.canvas import ellipse, rasterise, rectangle
from analysis.data.demo.fur import _PATTERNS, Frame, Fur

Brush = Callable[..., Fur]
ROUND = Frame(np.array([112.0, 112.0]), np.array([40.0, 0.0]), np.array([0.0, 40.0]))
DISC = ellipse(112, 112, 40, 40, n=120)
BASE, SECOND, LIGHT = (100.0, 80.0, 60.0), (20.0, 20.0, 20.0), (240.0, 240.0, 240.0)


@pytest.mark.parametrize(("across", "down"), [((30, 0), (0, 12)), ((-30, 0), (0, 12)), ((20, 15), (-6, 8))])
def test_coordinates_solve_the_equation_of_their_axes(across: tuple[int, int], down: tuple[int, int]) -> None:
    frame = Frame(np.array([100.0, 90.0]), np.array(across, float), np.array(down, float))
    patch = rasterise(rectangle(70, 60, 130, 120))
    u, v = frame.coordinates(patch)
    x, y = np.broadcast_arrays(*patch.grid())
    expected = np.linalg.solve(
        np.stack([across, down], axis=1).astype(float), np.stack([(x - 100).ravel(), (y - 90).ravel()])
    )
    np.testing.assert_allclose(np.broadcast_to(u, x.shape).ravel(), expected[0], atol=1e-4)
    np.testing.assert_allclose(np.broadcast_to(v, x.shape).ravel(), expected[1], atol=1e-4)


def test_a_part_covers_its_outline_and_leaves_the_rest_alone(fur_of: Brush) -> None:
    fur = fur_of()
    fur.part(DISC, "body", ROUND)
    assert fur.coverage.sum() == pytest.approx(np.pi * 1600, rel=0.01)
    outside = fur.coverage == 0
    np.testing.assert_array_equal(fur.canvas[outside], 128)
    assert 0 <= fur.coverage.min() <= fur.coverage.max() <= 1


def test_a_part_painted_twice_is_covered_once(fur_of: Brush) -> None:
    fur = fur_of()
    for _ in range(2):
        fur.part(DISC, "body", ROUND)
    assert fur.coverage.max() <= 1
    assert fur.coverage.sum() == pytest.approx(np.pi * 1600, rel=0.03)


def test_only_opaque_skin_counts_as_animal(fur_of: Brush) -> None:
    fur = fur_of()
    fur.plain(DISC, (255, 0, 0), 0.5)
    np.testing.assert_allclose(fur.canvas[112, 112], (191.5, 64, 64))
    assert not fur.coverage.any()
    fur.plain(DISC, (255, 0, 0))
    np.testing.assert_allclose(fur.canvas[112, 112], (255, 0, 0))
    assert fur.coverage[112, 112] == 1


@pytest.mark.parametrize("mirror", [1, -1])
def test_the_side_towards_the_light_is_brighter_also_in_a_mirrored_frame(fur_of: Brush, mirror: int) -> None:
    fur = fur_of()
    fur.part(DISC, "body", Frame(ROUND.centre, ROUND.across * mirror, ROUND.down))
    assert fur.canvas[100:124, 120:140].mean() > fur.canvas[100:124, 84:104].mean() + 5  # the light is right
    assert fur.canvas[84:104, 100:124].mean() > fur.canvas[120:140, 100:124].mean() + 5  # and above


def test_tone_scales_the_brightness(fur_of: Brush) -> None:
    bright, dark = fur_of(), fur_of()
    bright.part(DISC, "body", ROUND)
    dark.part(DISC, "body", ROUND, tone=0.5)
    inside = bright.coverage == 1
    np.testing.assert_allclose(dark.canvas[inside], 0.5 * bright.canvas[inside], rtol=1e-4)


def test_hair_reaches_beyond_the_outline(fur_of: Brush) -> None:
    bald, hairy = fur_of(), replace(fur_of(), hair=5.0)
    for fur in (bald, hairy):
        fur.part(DISC, "body", ROUND)
    assert hairy.coverage.sum() > 1.02 * bald.coverage.sum()
    assert hairy.coverage[60:64].sum() == 0  # but not further than its length


def painted(pattern: str, kind: str) -> np.ndarray:
    """A pattern on a part without noise, on a grid of u and v from -1 to 1: (41, 41, 3), v down, u across."""
    coat = Coat(BASE, SECOND, LIGHT, pattern, iris=(0, 0, 0))
    v, u = np.mgrid[-1:1:41j, -1:1:41j].astype(np.float32)
    still = np.zeros_like(u)
    colour = np.broadcast_to(np.float32(BASE), (41, 41, 3))
    return _PATTERNS[pattern](coat, kind, u, v, still, still, colour)


@pytest.mark.parametrize("pattern", _PATTERNS)
@pytest.mark.parametrize("kind", ["body", "chest", "leg", "tail", "head", "ear"])
def test_a_pattern_mixes_the_coats_own_colours_alike_on_both_sides_of_a_head(pattern: str, kind: str) -> None:
    colour = painted(pattern, kind)
    assert colour.shape == (41, 41, 3)
    assert SECOND[0] <= colour.min() <= colour.max() <= LIGHT[0]
    if kind == "head":
        np.testing.assert_allclose(colour, colour[:, ::-1], atol=0.1)


def closest(colour: np.ndarray) -> str:
    distances = {
        name: float(np.abs(colour - own).sum())
        for name, own in (("base", BASE), ("second", SECOND), ("light", LIGHT))
    }
    return min(distances, key=distances.__getitem__)


@pytest.mark.parametrize(
    ("pattern", "kind", "v", "u", "expected"),
    [
        ("solid", "head", 0.5, 0.0, "base"),
        ("points", "ear", 0.0, 0.0, "second"),  # a Siamese: dark ears, tail, mask and feet
        ("points", "tail", 0.0, 0.0, "second"),
        ("points", "head", 0.2, 0.0, "second"),
        ("points", "head", -0.9, 0.0, "base"),
        ("points", "leg", 0.9, 0.0, "second"),
        ("points", "leg", -0.9, 0.0, "base"),
        ("bicolour", "leg", 0.9, 0.0, "light"),  # white feet, chest and blaze
        ("bicolour", "leg", -0.9, 0.0, "base"),
        ("bicolour", "chest", 0.0, 0.0, "light"),
        ("bicolour", "head", 0.3, 0.0, "light"),
        ("bicolour", "head", -0.5, 0.8, "base"),
        ("saddle", "body", -0.8, 0.0, "second"),  # a beagle: dark back, white belly
        ("saddle", "body", 0.95, 0.0, "light"),
        ("mask", "head", 0.5, 0.0, "second"),  # a pug: dark muzzle and ears
        ("mask", "head", -0.5, 0.0, "base"),
        ("mask", "ear", 0.0, 0.0, "second"),
        ("urajiro", "chest", 0.0, 0.0, "light"),  # a Shiba Inu: pale chest, cheeks and brows
        ("urajiro", "head", 0.8, 0.0, "light"),
        ("urajiro", "head", -0.42, 0.34, "light"),
        ("urajiro", "head", -0.8, 0.0, "base"),
    ],
)
def test_patterns_colour_the_places_they_are_named_after(
    pattern: str, kind: str, v: float, u: float, expected: str
) -> None:
    row, column = round((v + 1) * 20), round((u + 1) * 20)
    assert closest(painted(pattern, kind)[row, column]) == expected


def test_a_tabby_has_stripes_across_its_body() -> None:
    row = painted("tabby", "body")[10, :, 0] < 60  # dark pixels along the body
    assert 4 <= np.abs(np.diff(row.astype(int))).sum() <= 8  # into a stripe and out of it again
