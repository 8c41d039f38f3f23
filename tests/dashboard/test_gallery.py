"""The gallery: the two lines of a card, empty lists, and the rows selected once for all that is shown."""

from __future__ import annotations

import subprocess
import sys

import pytest
from streamlit.testing.v1 import AppTest

from analysis.predictions import Predictions
from dashboard.gallery import detail, verdict
from tests.dashboard.conftest import ROOT, words


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


def test_the_gallery_does_not_load_torch():
    code = (
        "import sys\n"
        "import dashboard.gallery, dashboard.chosen, dashboard.backend.words, dashboard.frame\n"
        "import dashboard.components.review_cards\n"
        "assert not {'torch', 'fastai', 'sklearn'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_lines_of_a_card():
    row = {"label": "cat", "predicted": "dog", "confidence": 0.876, "loss": 2.345}
    assert verdict(row) == "cat → dog"
    assert verdict({**row, "predicted": "cat"}) == "cat ✓"
    assert detail(row) == "88% sure · loss 2.35"


def page(run: object) -> None:
    from dashboard.gallery import gallery

    gallery(run, lambda rows, view: None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "noun"), [("tiny_run", "picture"), ("tiny_words_run", "review")])
def test_an_empty_list_says_whether_a_filter_or_the_learner_is_the_reason(request, monkeypatch, name, noun):
    run = request.getfixturevalue(name)
    monkeypatch.setattr(Predictions, "count", lambda self, view: 0)
    app = AppTest.from_function(page, args=(run,), default_timeout=60).run()
    assert not app.exception
    assert f"got all {len(run.predictions())} validation {noun}s right" in words(app)
    app.toggle(key="correct").set_value(True).run()
    assert f"No {noun} fits these filters" in words(app)
