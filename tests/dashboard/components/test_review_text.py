from __future__ import annotations

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.components.review_text import review_text
from dashboard.figures.words_colours import word_colours
from dashboard.figures.words_panels import WordsLayer, WordsPanel
from tests.dashboard.components.mounted import answers, sent

PIECES = [("A ", -1), ("<b>good</b>", 0), (" film", 1)]
LAYERS = (
    WordsLayer("Block 1", (WordsPanel("CAM (none here)", "No probe.", None, 0.0),)),
    WordsLayer("Block 2", (WordsPanel("CAM (exact)", "", np.array([0.1234567, -0.5]), 0.5),)),
)


def show(clicks: list[int]) -> None:
    review_text(LAYERS, PIECES, {1: "plot"}, word_colours("light"), key="review", on_word=clicks.append)


def test_the_browser_gets_text_values_and_edits(monkeypatch):
    mounted = answers(monkeypatch)
    show([])
    data = mounted[0]["data"]
    assert data["pieces"] == PIECES
    assert data["edits"] == {"1": "plot"}  # a key of JSON is a string
    assert set(data["colours"]) == {"speaks_for", "against", "strength"}  # the names that review_text.js reads
    assert [layer["label"] for layer in data["layers"]] == ["Block 1", "Block 2"]
    assert data["layers"][0]["panels"] == [
        {"title": "CAM (none here)", "note": "No probe.", "scale": 0.0, "values": None}
    ]
    assert data["layers"][1]["panels"][0]["values"] == [0.12346, -0.5]


def test_the_script_reads_every_name_that_it_is_sent(monkeypatch):
    mounted = answers(monkeypatch)
    show([])
    script, data = mounted[0]["js"], mounted[0]["data"]
    assert [name for name in data if f"data.{name}" not in script] == []
    panel = data["layers"][0]["panels"][0]
    assert [name for name in panel if f"panel.{name}" not in script] == []


@pytest.mark.parametrize(
    ("answer", "clicks"), [({"word": 1}, [1]), ({"word": 0}, [0]), ({}, []), ({"word": None}, [])]
)
def test_a_click_calls_back_with_the_word(monkeypatch, answer, clicks):
    mounted = answers(monkeypatch)
    monkeypatch.setattr(st, "session_state", {"review": answer})
    words: list[int] = []
    show(words)
    assert words == []
    mounted[0]["on_word_change"]()
    assert words == clicks


def test_a_page_with_a_review_runs():
    def page() -> None:
        import numpy as np

        from dashboard.components.review_text import review_text
        from dashboard.figures.words_colours import word_colours
        from dashboard.figures.words_panels import WordsLayer, WordsPanel

        layers = (WordsLayer("Block 1", (WordsPanel("CAM (exact)", "", np.array([0.5]), 0.5),)),)
        review_text(layers, [("good", 0)], {}, word_colours("dark"), key="review", on_word=lambda word: None)

    (data,) = sent(AppTest.from_function(page).run())
    assert data["pieces"] == [["good", 0]]
    assert data["layers"][0]["panels"][0]["values"] == [0.5]
