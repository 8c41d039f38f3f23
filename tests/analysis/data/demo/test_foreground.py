"""Objects in front of the animal: they change what their coverage says, and leave the middle free."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.data.demo import foreground as demo_foreground
from analysis.data.demo.canvas import SIZE
from analysis.data.demo.foreground import draw_foreground

OBJECTS = ("_box", "_cushion", "_blanket", "_leaves", "_tuft", "_log")
FEET = 190.0


def grey() -> np.ndarray:
    return np.full((SIZE, SIZE, 3), 128, np.float32)


def test_no_objects_change_nothing() -> None:
    canvas = grey()
    assert not draw_foreground(canvas, True, 0, FEET, np.random.default_rng(0)).any()
    np.testing.assert_array_equal(canvas, grey())


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_covers_what_it_paints(name: str) -> None:
    for seed in range(10):
        canvas = grey()
        coverage = getattr(demo_foreground, name)(canvas, FEET, np.random.default_rng(seed))
        assert coverage.shape == (SIZE, SIZE)
        assert 0 <= coverage.min() <= coverage.max() <= 1
        assert 0.005 < coverage.mean() < 0.4, seed
        outside = canvas[coverage == 0]
        assert (outside > 128.5).any(axis=-1).mean() < 0.001  # only a shadow may fall there
        changed = np.abs(canvas - 128).max(axis=-1) > 1
        assert changed[coverage == 1].mean() > 0.9


@pytest.mark.parametrize("name", ["_box", "_cushion", "_log"])
def test_solid_objects_stand_near_the_edges_at_the_animals_feet(name: str) -> None:
    for seed in range(20):
        coverage = getattr(demo_foreground, name)(grey(), FEET, np.random.default_rng(seed))
        rows, columns = np.nonzero(coverage > 0.5)
        assert abs(columns.mean() - 112) > 30
        assert FEET - 60 < rows.min() < rows.max() < FEET + 16


@pytest.mark.parametrize(
    ("indoor", "expected"),
    [(True, {"_box", "_cushion", "_leaves", "_blanket"}), (False, {"_tuft", "_leaves", "_log"})],
)
def test_rooms_and_landscapes_have_objects_of_their_own(
    indoor: bool, expected: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[str] = []
    for name in OBJECTS:

        def record(canvas: np.ndarray, feet: float, rng: object, name: str = name) -> np.ndarray:
            used.append(name)
            return np.zeros((SIZE, SIZE), np.float32)

        monkeypatch.setattr(demo_foreground, name, record)
    for seed in range(30):
        draw_foreground(grey(), indoor, 2, FEET, np.random.default_rng(seed))
    assert set(used) == expected
    assert len(used) == 60


def test_two_objects_cover_what_either_covers(monkeypatch: pytest.MonkeyPatch) -> None:
    planes = [np.zeros((SIZE, SIZE), np.float32) for _ in range(2)]
    planes[0][:10], planes[1][5:20] = 0.4, 0.9
    turns = iter(planes)
    for name in OBJECTS:
        monkeypatch.setattr(demo_foreground, name, lambda *args: next(turns))
    coverage = draw_foreground(grey(), True, 2, FEET, np.random.default_rng(0))
    np.testing.assert_array_equal(coverage[[0, 7, 15, 30], 0], np.float32([0.4, 0.9, 0.9, 0]))


def test_the_same_stream_draws_the_same_objects() -> None:
    first, second = grey(), grey()
    coverages = [draw_foreground(canvas, True, 2, FEET, np.random.default_rng(5)) for canvas in (first, second)]
    np.testing.assert_array_equal(*coverages)
    np.testing.assert_array_equal(first, second)
