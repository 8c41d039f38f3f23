"""Metrics of maps by name, and what each of them needs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.explain.measures import METRICS, Metric, measure, metrics_of
from analysis.explain.measures.agreement import correlation, overlap_top, rank_correlation

CAM, GRADCAM = np.array([[4.0, 1.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 3.0]])
MASK = np.array([[False, False], [False, True]])
FIRST = ["correlation", "rank_correlation", "overlap_top20", "mass"]


@pytest.fixture
def only_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave only the metrics whose numbers a test knows: one that is registered later changes no test here."""
    for name in METRICS.keys() - set(FIRST):
        monkeypatch.delitem(METRICS, name)


def gini(values: np.ndarray) -> float:
    return 0.25


def test_metrics_are_registered_under_their_own_names() -> None:
    assert list(METRICS)[:4] == FIRST
    assert all(metric.name == name for name, metric in METRICS.items())


@pytest.mark.parametrize("name", METRICS)
def test_it_says_what_it_is(name: str) -> None:
    metric = METRICS[name]
    assert all((metric.title, metric.source, metric.formula))
    assert metric.about.endswith(".")
    assert metric.low < metric.high


@pytest.mark.parametrize("name", METRICS)
def test_its_numbers_lie_in_its_range_and_a_map_without_knowledge_reaches_chance(name: str) -> None:
    metric, rng = METRICS[name], np.random.default_rng(0)
    mask = np.zeros((40, 40), dtype=bool)
    mask[:10] = True
    numbers = []
    for _ in range(200):
        given = {"map": rng.normal(size=(10, 10)), "reference": rng.normal(size=(10, 10)), "mask": mask}
        numbers.append(metric.of(given))
    assert metric.low <= min(numbers) <= max(numbers) <= metric.high
    chance = metric.by_chance(given)
    assert chance is None or np.mean(numbers) == pytest.approx(chance, abs=0.02)


@pytest.mark.usefixtures("only_the_first")
def test_what_is_given_decides_what_is_measured() -> None:
    assert measure(map=GRADCAM, reference=CAM) == {
        "correlation": correlation(GRADCAM, CAM),
        "rank_correlation": rank_correlation(GRADCAM, CAM),
        "overlap_top20": overlap_top(GRADCAM, CAM),
    }
    assert measure(map=GRADCAM, mask=MASK) == {"mass": 0.75}
    assert math.isnan(measure(map=-GRADCAM, mask=MASK)["mass"])
    assert measure(map=CAM) == {}


def test_maps_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match=r"map \(2, 2\) and reference \(1, 2\)"):
        measure(map=CAM, reference=GRADCAM[:1])
    with pytest.raises(ValueError, match=r"must be \(h, w\)"):
        measure(map=CAM[0], reference=CAM[0])


@pytest.mark.usefixtures("only_the_first")
def test_a_new_metric_is_measured_without_another_line(monkeypatch: pytest.MonkeyPatch) -> None:
    new = Metric("gini", "Gini", frozenset({"map"}), gini, "Hand 2024", "1/4", "A quarter.")
    monkeypatch.setitem(METRICS, "gini", new)
    assert metrics_of(["map"]) == [new]
    assert measure(map=CAM) == {"gini": 0.25}
    assert "gini" not in measure(map=CAM, mask=MASK)
    assert new.by_chance({}) is None
