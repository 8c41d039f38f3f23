"""Limbs: the stance's coordinates, and how far legs and tails reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from analysis.data.demo.fur import Fur
from analysis.data.demo.limbs import (
    CAT_TAIL_UP,
    DOG_TAIL_ROLL,
    DOG_TAIL_WAG,
    Stance,
    blend,
    draw_leg,
    draw_paw,
    draw_tail,
    raised_tail,
)

Brush = Callable[..., Fur]
STANCE = Stance(100.0, 200.0, 80.0, flip=1, tilt=0.1, yaw=0.2, lid=0.3, tongue=True, collar=None)
MIRROR = replace(STANCE, flip=-1)


def test_body_coordinates_start_at_the_ground_point_and_can_be_mirrored() -> None:
    np.testing.assert_allclose(STANCE.place([(0, 0), (0.5, -1)]), [(100, 200), (140, 120)])
    np.testing.assert_allclose(MIRROR.place([(0, 0), (0.5, -1)]), [(100, 200), (60, 120)])
    frame = MIRROR.frame(0.5, -1, 0.25, 0.5)
    np.testing.assert_allclose([frame.centre, frame.across, frame.down], [(60, 120), (-20, 0), (0, 40)])


def test_a_head_gets_its_size_from_the_build_and_its_expression_from_the_stance(fur_of: Brush) -> None:
    fur = fur_of("beagle")
    pose = STANCE.head(fur, 0.5, -1, 1.25)
    assert (pose.x, pose.y) == (140, 120)
    assert pose.radius == pytest.approx(fur.build.head * 80 * 1.25)
    assert (pose.tilt, pose.yaw, pose.lid, pose.tongue) == (0.1, 0.2, 0.3, True)


@pytest.mark.parametrize("stance", [STANCE, MIRROR])
def test_a_leg_covers_its_path_and_ends_in_a_wider_paw(fur_of: Brush, stance: Stance) -> None:
    fur = fur_of()
    draw_leg(fur, stance, [(0.2, -0.8), (0.2, -0.4), (0.2, -0.1)], (0.1, 0.1, 0.1))
    for x, y in stance.place([(0.2, -0.75), (0.2, -0.4), (0.2, -0.1)]):
        assert fur.coverage[int(y), int(x)] == 1
    leg, paw = (fur.coverage[int(y)].sum() for _, y in stance.place([(0.2, -0.5), (0.2, -0.12)]))
    assert leg == pytest.approx(16, abs=1.5)  # half-width 0.1 of 80 pixels
    assert paw == pytest.approx(1.32 * 16, abs=1.5)


def test_a_paw_is_as_wide_as_asked_and_has_two_lines_between_its_toes(fur_of: Brush) -> None:
    fur = fur_of()
    draw_paw(fur, STANCE, (0.0, -0.1), 0.1, 1.0)
    columns = np.nonzero(fur.coverage.max(axis=0) > 0.5)[0]
    assert len(columns) == pytest.approx(2 * 1.32 * 0.1 * 80, abs=1.5)
    row = fur.canvas[int(200 - 0.08 * 80)].mean(axis=-1)[columns[0] + 2 : columns[-1] - 1]
    dark = row < np.median(row) - 20
    assert np.abs(np.diff(dark.astype(int))).sum() == 4


def test_a_longer_tail_reaches_further(fur_of: Brush) -> None:
    path = [(0, 0), (0.2, -0.2), (0.4, -0.4), (0.5, -0.6), (0.6, -0.8)]
    for length in (0.5, 1.0):
        fur = fur_of()
        fur.build = replace(fur.build, tail_length=length)
        draw_tail(fur, STANCE, (0.3, -0.3), path)
        x, y = STANCE.place((0.3 + 0.6 * length, -0.3 - 0.8 * length))
        rows, columns = np.nonzero(fur.coverage > 0.5)
        assert columns.max() == pytest.approx(x, abs=4)
        assert rows.min() == pytest.approx(y, abs=4)


def test_the_curl_chooses_the_tail(fur_of: Brush) -> None:
    fur = fur_of()
    paths = {}
    for curl in (0.4, 0.45, 0.5, 1.0):
        fur.build = replace(fur.build, tail_curl=curl)
        paths[curl] = raised_tail(fur)
    np.testing.assert_allclose(paths[0.4], CAT_TAIL_UP)
    np.testing.assert_allclose(paths[0.45], (np.array(CAT_TAIL_UP) + DOG_TAIL_WAG) / 2, atol=1e-9)
    np.testing.assert_allclose(paths[0.5], DOG_TAIL_WAG)
    np.testing.assert_allclose(paths[1.0], DOG_TAIL_ROLL)
    np.testing.assert_allclose(blend([(0, 0)], [(4, 8)], 0.25), [(1, 2)])
