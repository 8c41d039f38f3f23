"""What a page looks up once, and does not look up again at the next click."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from analysis.predictions import Predictions, table
from dashboard.backend import caches
from tests.dashboard.conftest import ROOT, words
from tests.old_run import to_schema_1


@pytest.fixture
def fresh(home):
    """No table is kept from another test."""
    caches._predictions.clear()


@pytest.fixture
def calls(monkeypatch):
    """Count the calls of a function or method: `calls(owner, name)` returns the growing list of its arguments."""

    def counted(owner, name):
        found = []
        original = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *args, **more: found.append(args) or original(*args, **more))
        return found

    return counted


def test_a_list_is_filtered_and_sorted_once_for_the_gallery_and_the_pages_after_it(open_view, fresh, calls):
    selections = calls(Predictions, "_select")
    app = open_view("layers")  # the gallery first, then a picture of it
    app.button(key="next_image").click().run()
    assert not app.exception
    assert "2 of" in words(app)
    assert len(selections) == 1


def test_a_filter_makes_one_more_list(open_view, fresh, calls):
    app = open_view("errors")
    selections = calls(Predictions, "_select")
    app.text_input(key="name").set_value("sea").run()
    assert len(selections) == 1


def test_overview_counts_the_confusion_matrix_once(open_view, fresh, calls):
    matrices = calls(table, "confusion_matrix")
    app = open_view("overview")
    app.run()
    assert not app.exception
    assert len(matrices) == 1


@pytest.mark.parametrize("old", [False, True])
def test_nine_learners_are_listed_without_reading_their_predictions_again(
    tiny_run, tmp_path, monkeypatch, calls, fresh, old
):
    for number in range(9):
        path = shutil.copytree(tiny_run.path, tmp_path / "runs" / f"run-{number}")
        if old:
            to_schema_1(path)
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120).run()
    opened = calls(Predictions, "__init__")
    app.switch_page("dashboard/views/learners.py").run()
    assert not app.exception
    assert len(app.dataframe[0].value) == 9
    assert len(opened) == (9 if old else 0)
    app.run()
    assert len(opened) == (9 if old else 0)


def test_the_ablation_s_table_is_read_once(open_view, tiny_run, monkeypatch):
    from analysis.explain.studies.ablation import CHANGES
    from analysis.sweeps.ablation import save_table

    rows = [
        {"path": f"{picture}.png", "step": change.step, "change": change.name, "outcome": "silent",
         "correlation": picture / 3000, "moved": False, "distance": 0.0, "error": None}
        for picture in range(3000)
        for change in CHANGES
    ]  # fmt: skip
    save_table(pd.DataFrame(rows), tiny_run, "0.5")
    read, sent = [], []
    read_parquet = pd.read_parquet
    monkeypatch.setattr(pd, "read_parquet", lambda path: read.append(path) or read_parquet(path))
    import streamlit

    chart = streamlit.altair_chart
    monkeypatch.setattr(
        streamlit, "altair_chart", lambda spec, **options: sent.append(spec.to_dict()) or chart(spec, **options)
    )
    app = open_view("ablation", state={"rlayer": "0.5"})
    app.run()
    assert not app.exception
    assert len(read) == 1
    assert max(len(rows) for spec in sent for rows in spec["datasets"].values()) <= 100 * len(CHANGES)


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
