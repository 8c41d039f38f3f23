"""The figures of words: colours that can be read, bars in order, text that stays itself."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from figures.vega import channels, fields, rows

from dashboard.figures.palette import INKS
from dashboard.figures.words_bars import word_bars
from dashboard.figures.words_colours import word_colours
from dashboard.figures.words_curves import curves_chart
from dashboard.figures.words_lexicon import lexicon_chart

PAGES = {"light": ("#ffffff", "#1c2430"), "dark": ("#0f1318", "#e8ecf1")}  # background and text, of the theme


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255


def luminance(colour: np.ndarray) -> float:
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("theme", list(INKS))
def test_text_on_the_strongest_colour_keeps_wcags_contrast(theme):
    background, text = (rgb(colour) for colour in PAGES[theme])
    colours = word_colours(theme)
    for colour in (colours.speaks_for, colours.against):
        under = colours.strength * rgb(colour) + (1 - colours.strength) * background
        light, dark = sorted((luminance(under), luminance(text)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_bars_keep_their_order_and_their_words():
    table = pd.DataFrame(
        {
            "word": ["<b>", 'say "x"', "<b>"],
            "contribution": [0.5, 0.1, -0.2],
            "low": 0.0,
            "high": 0.1,
            "reviews": 3,
        }
    )
    chart = word_bars(table, "word", "Contribution")
    labels = channels(chart, "y")[0]["axis"]["labelExpr"].removesuffix("[datum.value]")
    assert json.loads(labels) == table["word"].tolist()  # strings of Vega's language are those of JSON
    order = channels(chart, "y")[0]["sort"]
    drawn = {row["row"]: (row["word"], row["contribution"]) for row in rows(chart)}
    assert [drawn[number] for number in order] == [("<b>", 0.5), ('say "x"', 0.1), ("<b>", -0.2)]
    assert fields(chart, "x", "x2") == {"contribution", "low", "high"}
    assert fields(word_bars(table[["word", "contribution"]], "word", ""), "x", "x2") == {"contribution"}


def test_curves_show_one_kind():
    points = [
        (order, kind, share, 0.5)
        for order in ("contribution", "random")
        for kind in ("deletion", "insertion")
        for share in (0.0, 1.0)
    ]
    table = pd.DataFrame(points, columns=["order", "kind", "fraction", "probability"])
    drawn = rows(curves_chart(table, "insertion"))
    assert len(drawn) == 4
    assert {row["kind"] for row in drawn} == {"insertion"}


def test_dots_know_their_side():
    table = pd.DataFrame(
        {"word": ["war", "fine"], "mean": [0.2, 0.1], "valence": [-2.9, 1.0], "reviews": [9, 30], "known": True}
    )
    sides = {row["word"]: row["side"] for row in rows(lexicon_chart(table, "VADER")) if "word" in row}
    assert sides == {"war": "Other side", "fine": "Same side"}
