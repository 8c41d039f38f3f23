"""A metric calls its function with what it needs, in a fixed order, and refuses needs that do not exist."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.explain.measures.base import Metric

CAM = np.array([[4.0, 1.0], [0.0, 0.0]])
MASK = np.array([[False, False], [False, True]])


def gini(values: np.ndarray) -> float:
    return 0.25


def test_what_it_needs_comes_in_the_order_of_the_needs() -> None:
    def lost(values: np.ndarray, mask: np.ndarray, model: object) -> float:
        return float(values.sum() + 10 * mask.sum() + 100 * model(values[None])[0])

    needs = frozenset({"model", "map", "mask"})
    metric = Metric("lost", "Lost", needs, lost, "-", "-", "-", chance=lambda mask, model: mask.mean())
    given = {"model": lambda pictures: pictures.sum((1, 2)), "mask": MASK, "map": CAM}
    assert metric.of(given) == 5 + 10 + 500
    assert metric.by_chance(given) == 0.25


def test_an_unknown_need_is_refused() -> None:
    with pytest.raises(ValueError, match=r"x needs \['mapp'\]; possible are map, reference, mask, model"):
        Metric("x", "X", frozenset({"mapp"}), gini, "-", "-", "-")


def test_a_metric_needs_something() -> None:
    with pytest.raises(ValueError, match=r"x needs \[\]; possible are map"):
        Metric("x", "X", frozenset(), gini, "-", "-", "-")


def test_no_number_is_reached_by_chance_where_none_is_given() -> None:
    metric = Metric("x", "X", frozenset({"map"}), gini, "-", "-", "-")
    assert metric.by_chance({"map": CAM}) is None
    assert (metric.low, metric.high) == (0.0, 1.0)


def test_the_order_is_not_that_of_the_alphabet() -> None:
    metric = Metric(
        "x", "X", frozenset({"mask", "reference"}), lambda reference, mask: reference - mask, "-", "-", "-"
    )
    assert metric.of({"mask": 1.0, "reference": 5.0}) == 4.0
