"""A gallery's view as a link, and the words it looks for."""

from __future__ import annotations

import pytest

from analysis.predictions import Browse, excerpt
from analysis.predictions.browse import word_pattern


@pytest.mark.parametrize(
    "view", [Browse(), Browse(word="art"), Browse(("a",), ("b",), (0.1, 0.9), "x", "margin", True)]
)
def test_a_view_survives_a_link(view: Browse):
    assert Browse.from_text(view.to_text(), ("a", "b")) == view


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"confidence": 3}', '{"confidence": ["a", 1]}'])
def test_a_broken_link_is_the_default_view(text: str):
    assert Browse.from_text(text, ("a", "b")) == Browse()


def test_classes_and_orders_that_do_not_exist_are_left_out():
    text = Browse(true=("a", "gone"), sort="margin").to_text().replace("margin", "colour")
    assert Browse.from_text(text, ("a", "b")) == Browse(true=("a",))


def test_words_are_found_whole_and_in_any_case():
    found = [text for text in ("A part of it", "Modern ART.", "artful", "art") if word_pattern("art").search(text)]
    assert found == ["Modern ART.", "art"]


def test_an_excerpt_shows_the_word():
    text = "x" * 300 + " here it is " + "y" * 300
    assert excerpt(text) == text[:280] + "…"
    assert "here" in excerpt(text, "here")
    assert excerpt(text, "here").startswith("…")
    assert excerpt("short", "none") == "short"
