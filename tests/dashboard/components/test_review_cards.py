from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components.review_cards import ReviewCard, review_cards
from tests.dashboard.components.mounted import answers, sent

CARDS = [
    ReviewCard("reviews.csv:3", "negative → positive", "81 %", "<script>alert(1)</script>\n**Great**"),
    ReviewCard("reviews.csv:1", "positive → negative", "60 %", ""),
]


def test_the_browser_gets_every_card_in_order_and_its_text_as_it_is(monkeypatch):
    mounted = answers(monkeypatch, opened=None)
    review_cards(CARDS, key="gallery")
    first, second = mounted[0]["data"]["reviews"]
    assert first == {
        "id": "reviews.csv:3",
        "verdict": "negative → positive",
        "detail": "81 %",
        "text": "<script>alert(1)</script>\n**Great**",
    }
    assert second["id"] == "reviews.csv:1"


@pytest.mark.parametrize("opened", [None, "reviews.csv:1"])
def test_the_card_that_was_clicked_is_returned(monkeypatch, opened):
    answers(monkeypatch, opened=opened)
    assert review_cards(CARDS, key="gallery") == opened


def test_a_page_with_cards_runs():
    def page() -> None:
        import streamlit as st

        from dashboard.components.review_cards import ReviewCard, review_cards

        st.text(review_cards([ReviewCard("1", "positive → negative", "60 %", "Dull.")], key="gallery"))

    app = AppTest.from_function(page).run()
    assert [card["text"] for card in sent(app)[0]["reviews"]] == ["Dull."]
    assert app.text[0].value == "None"
