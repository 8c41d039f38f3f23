"""The Reviews page: the mistakes, and the search for a word."""

from __future__ import annotations

import pytest

from tests.dashboard.conftest import labelled, mistakes, words


@pytest.fixture
def shown_cards(monkeypatch):
    """The cards of every gallery that is drawn."""
    import dashboard.components.review_cards as component

    drawn = []
    monkeypatch.setattr(component, "review_cards", lambda cards, key: drawn.append(cards))
    return drawn


def test_gallery_filters_by_word(open_words, tiny_words_run, shown_cards):
    table = tiny_words_run.predictions()
    app = open_words("reviews")
    app.toggle(key="correct").set_value(True).run()
    assert f"{len(table)} of {len(table)} reviews" in words(app)
    app.text_input(key="word").set_value("WONDERFUL").run()
    found = table[table.text.str.contains("wonderful")]
    assert f"{len(found)} of {len(table)} reviews" in words(app)
    assert {card.id for card in shown_cards[-1]} <= set(found.path)
    app.text_input(key="word").set_value("wonderfu").run()  # no whole word
    assert "No review fits these filters" in words(app)
    labelled(app.button, "Remove the filters").click().run()
    assert not app.exception
    assert app.text_input(key="word").value == ""


def test_gallery_of_the_mistakes(open_words, tiny_words_run, shown_cards):
    wrong = mistakes(tiny_words_run)
    app = open_words("reviews")
    if wrong.empty:
        assert "got all" in words(app)
    else:
        assert f"{len(wrong)} of {len(wrong)} mistakes" in words(app)
        assert [card.id for card in shown_cards[-1]] == wrong.path.tolist()[:12]
