"""A learner of any kind is loaded before its first page needs it, once, and little is read for that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.runs import Run, RunError
from dashboard.backend import warm as module
from dashboard.backend.images import Service
from dashboard.backend.residents import Residents
from dashboard.backend.warm import warm


@pytest.fixture
def learners(monkeypatch):
    """The learners in memory: none yet; threads end before they return."""
    learners = Residents()
    service = Service(learners)
    monkeypatch.setattr(module, "residents", lambda: learners)
    monkeypatch.setattr(module, "service", lambda: service)
    monkeypatch.setattr("dashboard.backend.residents.start_thread", lambda work, name: work())
    return learners


@pytest.fixture
def columns(monkeypatch):
    """The columns that are read of predictions tables."""
    read, original = [], Run.predictions
    monkeypatch.setattr(
        Run, "predictions", lambda run, columns=None: read.append(columns) or original(run, columns)
    )
    return read


def test_pictures_are_loaded_and_their_precision_is_measured(tiny_run, learners, columns, monkeypatch):
    warm(tiny_run)
    warm(tiny_run)
    assert columns == [["path"]]
    service = module.service()
    monkeypatch.setattr(learners, "_load", lambda run: pytest.fail("it was loaded already"))
    monkeypatch.setattr("analysis.explain.precision.measure_precision", lambda *_: pytest.fail("measured already"))
    assert service.precision(tiny_run, "any").precision in ("fp32", "bf16")


def test_words_are_loaded(tiny_words_run, learners, columns, monkeypatch):
    warm(tiny_words_run)
    assert columns == []
    monkeypatch.setattr(learners, "_load", lambda run: pytest.fail("it was loaded already"))
    assert learners.get(tiny_words_run).loaded.run == tiny_words_run


def test_a_damaged_run_is_left_to_the_page_that_needs_it(tiny_run, learners, tmp_path):
    damaged = replace(tiny_run, path=tmp_path)
    warm(damaged)  # raises nothing here, where nobody could act on it
    with pytest.raises(RunError, match="weights.safetensors cannot be read"):
        learners.get(damaged)
