"""The words of a validation set as a background job."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from analysis.sweeps.words import load_set
from dashboard.backend.set_jobs.words import WordSetJob


@pytest.fixture(autouse=True)
def empty_home(tmp_path, monkeypatch):
    """A home without saved sets."""
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))


def test_it_saves_the_words_of_its_score(tiny_words_run):
    from analysis.learner.words.store import load_text
    from analysis.words.occurrences import collect
    from analysis.words.ranking import rank_words

    job = WordSetJob(tiny_words_run, (1, 0)).start()
    assert job.wait(timeout=120)
    assert job.error is None
    assert job.event.fraction == 1.0
    texts = tiny_words_run.predictions()["text"].tolist()
    expected = rank_words(collect(load_text(tiny_words_run), texts, (1, 0)), 2)
    ranking = load_set(tiny_words_run, (1, 0)).ranking
    pd.testing.assert_frame_equal(ranking, expected, check_dtype=False)
    assert load_set(tiny_words_run, 1) is None


def test_a_stopped_job_saves_nothing(tiny_words_run):
    job = WordSetJob(tiny_words_run, 1)
    job.stop()
    assert job.start().wait(timeout=120)
    assert job.error is None
    assert load_set(tiny_words_run, 1) is None


def test_it_is_about_one_score_of_a_run_as_it_is_now(tiny_words_run):
    job = WordSetJob(tiny_words_run, (1, 0))
    files = {**tiny_words_run.manifest.files, "weights.safetensors": "fitted again"}
    again = replace(tiny_words_run, manifest=replace(tiny_words_run.manifest, files=files))
    assert job.is_of(replace(tiny_words_run), (1, 0))
    assert not job.is_of(tiny_words_run, (0, 1))
    assert not job.is_of(tiny_words_run, 1)
    assert not job.is_of(again, (1, 0))
