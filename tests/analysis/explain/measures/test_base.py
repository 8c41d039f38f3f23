"""A metric computes its number from what it needs, in the order of `NEEDS`."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.explain.measures.base import NEEDS, Metric

MAP = np.array([[4.0, 1.0], [0.0, 0.0]])
MASK = np.array([[False, False], [False, True]])


def largest(values: np.ndarray) -> float:
    return float(values.max())


def test_what_it_needs_comes_in_the_order_of_the_needs() -> None:
    def lost(values: np.ndarray, reference: np.ndarray, mask: np.ndarray, model: object) -> float:
        return float(values.sum() - 1000 * reference.sum() + 10 * mask.sum() + 100 * model(values[None])[0])

    needs = frozenset({"model", "map", "mask", "reference"})
    metric = Metric("lost", "Lost", needs, lost, "-", "-", "-", chance=lambda reference, mask, model: mask.mean())
    given = {"model": lambda pictures: pictures.sum((1, 2)), "mask": MASK, "map": MAP, "reference": 2 * MAP}
    assert metric.of(given) == 5 - 10_000 + 10 + 500
    assert metric.by_chance(given) == 0.25


def test_an_unknown_need_is_refused() -> None:
    with pytest.raises(ValueError, match=r"x needs \['mapp'\]; possible are map, reference, mask, model"):
        Metric("x", "X", frozenset({"mapp"}), largest, "-", "-", "-")


def test_a_metric_needs_something() -> None:
    with pytest.raises(ValueError, match=r"x needs \[\]; possible are"):
        Metric("x", "X", frozenset(), largest, "-", "-", "-")


def test_by_default_it_lies_between_0_and_1_and_has_no_number_by_chance() -> None:
    metric = Metric("max", "Maximum", frozenset({"map"}), largest, "-", "-", "-")
    assert (metric.low, metric.high) == (0.0, 1.0)
    assert metric.by_chance({}) is None
    assert metric.of({"map": MAP, "mask": MASK}) == 4.0  # what it does not need is not passed on


def test_every_need_is_explained() -> None:
    assert list(NEEDS) == ["map", "reference", "mask", "model"]
    assert all(NEEDS.values())


def test_the_order_is_not_that_of_the_alphabet() -> None:
    metric = Metric(
        "x", "X", frozenset({"mask", "reference"}), lambda reference, mask: reference - mask, "-", "-", "-"
    )
    assert metric.of({"mask": 1.0, "reference": 5.0}) == 4.0
