"""A whole picture: what the masks cover, what the shortcut changes, and what makes an animal ambiguous."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.data.demo import drawing as demo_drawing
from analysis.data.demo.bodies import POSES
from analysis.data.demo.breeds import BREEDS, PLAIN_COATS
from analysis.data.demo.canvas import SIZE
from analysis.data.demo.drawing import Drawing, _build_and_coat, draw_picture
from analysis.data.demo.plan import DemoParameters, Picture, plan

PICTURES = plan(DemoParameters(n_train=24, n_valid=12))
WITH_SHORTCUT = [stem for stem, picture in PICTURES.items() if picture.shortcut][:6]


@pytest.mark.parametrize("stem", WITH_SHORTCUT)
def test_without_the_shortcut_nothing_else_changes(stem: str) -> None:
    present, absent = (draw_picture(PICTURES[stem], shortcut) for shortcut in (True, False))
    changed = np.any(present.image != absent.image, axis=-1)
    assert not changed[~present.shortcut_area].any()
    assert changed[present.shortcut_mask].mean() > 0.98
    assert present.shortcut_mask[present.shortcut_area].sum() == present.shortcut_mask.sum()
    assert present.shortcut_area.mean() < 0.1
    assert not absent.shortcut_mask.any()
    assert not absent.shortcut_area.any()
    assert np.array_equal(present.mask, absent.mask & ~present.shortcut_mask)
    assert (present.head_box, present.pose, present.indoor) == (absent.head_box, absent.pose, absent.indoor)


def test_masks_lie_on_what_they_name() -> None:
    for picture in list(PICTURES.values())[::4]:
        drawing = draw_picture(picture, True)
        red = drawing.image[drawing.shortcut_mask].astype(int)
        assert (red[:, 0] - red[:, 1]).mean() > 60
        around = ~drawing.shortcut_mask
        rest = drawing.image[around].astype(int)
        assert (
            (rest[:, 0] - rest[:, 1] > 110) & (rest[:, 0] - rest[:, 2] > 90)
        ).mean() < 0.01  # no other such red
        assert 0.02 < drawing.mask.mean() < 0.75
        x0, y0, x1, y1 = drawing.head_box
        assert drawing.mask[y0:y1, x0:x1].sum() > 0.25 * (y1 - y0) * (x1 - x0)
        assert 0.01 < drawing.shortcut_mask.mean() < 0.05


def test_what_the_foreground_hides_is_not_in_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = next(iter(PICTURES.values()))
    whole = draw_picture(picture, False).mask
    middle = int(np.median(np.nonzero(whole)[0]))
    lower = np.zeros((SIZE, SIZE), np.float32)
    lower[middle:] = 1
    monkeypatch.setattr(demo_drawing, "draw_foreground", lambda *args: lower)
    mask = draw_picture(picture, False).mask
    assert not mask[middle:].any()
    assert mask[:middle].sum() >= whole[:middle].sum() > 0


def test_a_picture_follows_from_its_row_alone() -> None:
    picture = next(iter(PICTURES.values()))
    first, again = draw_picture(picture, True), draw_picture(picture, True)
    other = draw_picture(replace(picture, seed=(21, 999)), True)
    for name in ("image", "mask", "shortcut_mask", "shortcut_area"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert np.abs(first.image.astype(int) - other.image).mean() > 10
    assert first.image.shape == (SIZE, SIZE, 3)
    assert first.image.dtype == np.uint8
    assert first.mask.dtype == first.shortcut_mask.dtype == first.shortcut_area.dtype == bool


@pytest.fixture(scope="module")
def drawings() -> list[Drawing]:
    return [draw_picture(picture, False) for picture in PICTURES.values()]


def test_poses_and_places_vary_and_every_box_lies_in_the_picture(drawings: list[Drawing]) -> None:
    assert {drawing.pose for drawing in drawings} <= set(POSES)
    assert len({drawing.pose for drawing in drawings}) >= 4
    assert {drawing.indoor for drawing in drawings} == {True, False}
    for drawing in drawings:
        x0, y0, x1, y1 = drawing.head_box
        assert 0 <= x0 < x1 < SIZE
        assert 0 <= y0 < y1 < SIZE
        assert 20 < drawing.image.mean() < 235


def coats_of(picture: Picture) -> tuple[set[tuple], set[float]]:
    """Coats (without the shade of the base) and ear heights over 40 animals of one row."""
    animals = [_build_and_coat(picture, np.random.default_rng(seed)) for seed in range(40)]
    return {(coat.second, coat.pattern, coat.iris) for _, coat in animals}, {build.pupil for build, _ in animals}


def test_an_ambiguous_animal_wears_a_plain_coat_and_is_half_of_the_other_species() -> None:
    picture = Picture("Siamese_1", "train", "cat", "Siamese", False, False, (21, 1))
    siamese = BREEDS["Siamese"]
    own, pupils = coats_of(picture)
    assert own == {(coat.second, coat.pattern, coat.iris) for coat in siamese.coats}
    assert pupils == {siamese.build.pupil}
    plain, pupils = coats_of(replace(picture, ambiguous=True))
    assert plain == {(coat.second, coat.pattern, coat.iris) for coat in PLAIN_COATS}
    cat, dog = siamese.build.pupil, BREEDS["beagle"].build.pupil  # the same for all dogs
    shares = (np.array(sorted(pupils)) - cat) / (dog - cat)
    assert shares.min() >= 0.43 - 1e-9
    assert shares.max() <= 0.5 + 1e-9
    assert np.ptp(shares) > 0.03


def test_the_base_colour_is_lighter_or_darker_by_a_little() -> None:
    picture = Picture("Bombay_1", "train", "cat", "Bombay", False, False, (21, 1))
    base = np.array(BREEDS["Bombay"].coats[0].base)
    factors = np.array([_build_and_coat(picture, np.random.default_rng(s))[1].base for s in range(40)]) / base
    np.testing.assert_allclose(factors, factors[:, :1] * np.ones(3))
    assert 0.88 <= factors.min() < 0.93
    assert 1.03 < factors.max() <= 1.08
