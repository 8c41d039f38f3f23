from __future__ import annotations

import json

import pandas as pd
import pytest

from dashboard.figures.words_bars import LONGEST, word_bars
from dashboard.figures.words_colours import word_colours
from tests.dashboard.figures.reading import marks, order


@pytest.fixture
def table() -> pd.DataFrame:
    """Two rows are the same word, and the words hold markup and quotes."""
    return pd.DataFrame(
        {
            "word": ["<b>", 'say "x"', "<b>"],
            "contribution": [0.5, 0.1, -0.2],
            "low": 0.0,
            "high": 0.1,
            "reviews": 3,
        }
    )


def names(chart) -> list[str]:
    """The names beside the bars, by Vega's expression `[...][datum.value]`."""
    expression = chart.to_dict()["layer"][0]["encoding"]["y"]["axis"]["labelExpr"]
    listed, index = json.JSONDecoder().raw_decode(expression)
    assert expression[index:] == "[datum.value]"
    return [listed[number] for number in order(chart, "y")]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_bars_keep_their_order_and_their_words(table, theme):
    chart = word_bars(table, "word", "Contribution", theme)
    assert order(chart, "y") == [0, 1, 2]
    assert names(chart) == ["<b>", 'say "x"', "<b>"]
    bars = marks(chart, "bar")
    assert [bar.channels["x"] for bar in bars] == [0.5, 0.1, -0.2]
    colours = word_colours(theme)
    assert [bar.channels["color"] for bar in bars] == [colours.speaks_for, colours.speaks_for, colours.against]
    assert [(rule.channels["x"], rule.channels["x2"]) for rule in marks(chart, "rule")] == [(0.0, 0.1)] * 3


def test_without_an_interval_there_are_bars_only(table):
    chart = word_bars(table[["word", "contribution"]], "word", "Contribution")
    assert len(marks(chart, "bar")) == 3
    assert marks(chart, "rule") == []


def test_the_tooltip_has_the_word_and_its_numbers(table):
    chart = word_bars(table.assign(private=1), "word", "Contribution")
    assert marks(chart, "bar")[2].tooltip == {
        "Word": "<b>",
        "Contribution": "-0.200",
        "Low": "+0.000",
        "High": "+0.100",
        "Reviews": "3",
    }


def test_a_long_phrase_is_cut_beside_the_bar_only(table):
    phrase = "very " * 30
    chart = word_bars(table.assign(word=phrase), "word", "Contribution")
    assert names(chart)[0] == phrase[:LONGEST]
    assert marks(chart, "bar")[0].tooltip["Word"] == phrase


def test_an_empty_table_draws_no_bar(table):
    assert marks(word_bars(table.head(0), "word", "Contribution"), "bar") == []
