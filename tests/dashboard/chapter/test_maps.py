"""Questions 6 to 9 on the Chapter page."""

from __future__ import annotations

from tests.dashboard.conftest import sources, words

PART = "6–9 · Activations to map"


def test_the_scores_are_certified(open_view):
    app = open_view("chapter", state={"part": PART})
    assert "The mean score plus the bias is the logit: largest difference" in words(app)
    assert "weights **2 × 512** (c × k), activation **512 × 2 × 2** (k × i × j)" in words(app)
    assert "more than 1 value per channel" in sources(app)
