"""The Words page: the whole validation set, computed once and read once."""

from __future__ import annotations

import shutil

import pandas as pd
from streamlit.testing.v1 import AppTest

from tests.dashboard.conftest import ROOT, labelled, words


def test_the_words_of_the_set(open_words, tiny_words_run):
    from dashboard.backend.jobs.board import job_board
    from dashboard.backend.set_jobs.words import WordSetJob

    shutil.rmtree(
        tiny_words_run.path.parent.parent / "words", ignore_errors=True
    )  # a browser test may have weighed them before
    app = open_words("words")
    labelled(app.button, "Explain every word").click().run()
    assert job_board().current(WordSetJob).wait(120)
    assert job_board().current(WordSetJob).error is None
    app.run()
    assert not app.exception
    assert [tab.label for tab in app.tabs] == ["Ranking", "Against the lexicon", "Mistakes", "Truth"]
    assert "Rank correlation" in [metric.label for metric in app.metric]
    app.text_input(key="find").set_value("zzz").run()
    assert "No word in this list" in words(app)


def test_the_words_of_a_set_are_read_once(home, tiny_words_run, monkeypatch):
    from analysis.learner.words.store import load_text
    from analysis.sweeps.words import make_word_set, save_set

    names = tiny_words_run.manifest.class_names
    made = make_word_set(load_text(tiny_words_run), tiny_words_run.predictions(), names, (1, 0))
    save_set(made, tiny_words_run, (1, 0))
    read = []
    read_parquet = pd.read_parquet
    monkeypatch.setattr(pd, "read_parquet", lambda path: read.append(path) or read_parquet(path))
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120).run()
    app.query_params["run"] = tiny_words_run.name
    app.switch_page("dashboard/views/words.py").run()
    app.run()
    assert not app.exception
    assert "Which words speak for" in words(app)
    assert len(read) == 4
