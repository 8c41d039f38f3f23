from __future__ import annotations

import pandas as pd

from dashboard.figures.words_lexicon import MOST_WORDS, lexicon_chart
from tests.dashboard.figures.reading import marks


def test_dots_know_their_side():
    table = pd.DataFrame(
        {"word": ["war", "fine"], "mean": [0.2, 0.1], "valence": [-2.9, 1.0], "reviews": [9, 30], "known": True}
    )
    dots = {dot.row["word"]: dot for dot in marks(lexicon_chart(table, "VADER"), "point")}
    sides = {word: dot.row["side"] for word, dot in dots.items()}
    assert sides == {"war": "Other side", "fine": "Same side"}
    assert (dots["war"].channels["x"], dots["war"].channels["y"]) == (-2.9, 0.2)
    for channel in ("color", "shape"):
        assert dots["war"].channels[channel] != dots["fine"].channels[channel]
    assert dots["war"].tooltip == {
        "Word": "war",
        "VADER": "-2.9",
        "Mean contribution": "+0.2000",
        "Reviews": "9",
    }


def test_two_lines_cross_at_zero():
    table = pd.DataFrame({"word": ["war"], "mean": [0.2], "valence": [-2.9], "reviews": [9]})
    rules = marks(lexicon_chart(table, "VADER"), "rule")
    assert [{name: rule.channels.get(name) for name in ("x", "y")} for rule in rules] == [
        {"x": 0, "y": None},
        {"x": None, "y": 0},
    ]


def test_of_many_words_the_commonest_are_drawn():
    count = MOST_WORDS + 50
    table = pd.DataFrame(
        {"word": [f"w{n}" for n in range(count)], "mean": 0.1, "valence": 1.0, "reviews": range(count)}
    )
    words = {dot.row["word"] for dot in marks(lexicon_chart(table, "VADER"), "point")}
    assert words == {f"w{n}" for n in range(50, count)}
