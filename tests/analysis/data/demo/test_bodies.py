"""Poses: the animal stands on its ground point, its head where the box says, mirrored by the stance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from analysis.data.demo.bodies import POSES
from analysis.data.demo.fur import Fur
from analysis.data.demo.limbs import Stance

Brush = Callable[..., Fur]
STANCE = Stance(112.0, 200.0, 66.0, flip=1, tilt=0.0, yaw=0.0, lid=0.0, tongue=False, collar=None)
BREEDS = ("Siamese", "Persian", "beagle", "basset_hound", "pomeranian")


@pytest.mark.parametrize("breed", BREEDS)
@pytest.mark.parametrize("pose", POSES)
def test_an_animal_covers_a_part_of_the_picture_and_its_head(fur_of: Brush, pose: str, breed: str) -> None:
    fur = fur_of(breed)
    before = fur.canvas.copy()
    x0, y0, x1, y1 = POSES[pose](fur, STANCE)
    assert 0 <= x0 < x1 <= 223
    assert 0 <= y0 < y1 <= 223
    assert 0.08 < (fur.coverage > 0.5).mean() < 0.6
    assert fur.coverage[y0:y1, x0:x1].mean() > 0.45
    changed = np.abs(fur.canvas - before).max(axis=-1) > 25
    assert (changed & (fur.coverage == 0)).mean() < 0.005  # whiskers and hair ends alone are thinner than a pixel


@pytest.mark.parametrize("pose", ["sitting", "standing", "lying", "behind"])
def test_feet_are_on_the_ground_and_the_head_is_the_highest_part(fur_of: Brush, pose: str) -> None:
    fur = fur_of("Siamese")
    _, y0, _, y1 = POSES[pose](fur, STANCE)
    rows = np.nonzero((fur.coverage > 0.5).any(axis=1))[0]
    assert abs(rows.max() - 200) < 18
    assert y1 < 190
    if pose != "standing":  # an upright tail can be higher
        assert abs(rows.min() - y0) < 4


def test_a_portrait_ends_at_the_lower_edge(fur_of: Brush) -> None:
    fur = fur_of("Siamese")
    POSES["portrait"](fur, replace(STANCE, y=224.0))
    assert (fur.coverage[223] > 0.5).sum() > 60


@pytest.mark.parametrize("pose", POSES)
def test_a_mirrored_stance_mirrors_the_animal(fur_of: Brush, pose: str) -> None:
    boxes, masks = [], []
    for flip in (1, -1):
        fur = fur_of("Siamese")
        boxes.append(POSES[pose](fur, replace(STANCE, flip=flip)))
        masks.append(fur.coverage > 0.5)
    (x0, y0, x1, y1), (mx0, my0, mx1, my1) = boxes
    assert (224 - x1, y0, 224 - x0, y1) == pytest.approx((mx0, my0, mx1, my1), abs=1)
    mirrored = masks[0][:, ::-1]
    assert (mirrored & masks[1]).sum() > 0.93 * (mirrored | masks[1]).sum()
    if pose in ("standing", "lying"):  # the head is ahead of the body: left where x points right
        assert (x0 + x1) / 2 < 112 < (mx0 + mx1) / 2


def test_from_behind_there_is_no_face(fur_of: Brush) -> None:
    """The Siamese's eyes are the only blue on it."""
    blue = {}
    for pose in ("sitting", "behind"):
        fur = fur_of("Siamese")
        POSES[pose](fur, STANCE)
        blue[pose] = (fur.canvas[..., 2] - fur.canvas[..., 0] > 40).sum()
    assert blue["sitting"] > 20
    assert blue["behind"] == 0


@pytest.mark.parametrize("pose", ["sitting", "standing", "lying", "portrait"])
def test_a_blue_collar_is_seen_on_a_brown_dog(fur_of: Brush, pose: str) -> None:
    seen = {}
    for colour in (None, (52, 104, 168)):
        fur = fur_of("beagle")
        POSES[pose](fur, replace(STANCE, collar=colour))
        seen[colour] = (fur.canvas[..., 2] - fur.canvas[..., 0] > 15).sum()
    assert seen[(52, 104, 168)] > 15
    assert seen[None] == 0
