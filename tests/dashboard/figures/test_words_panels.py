"""The panels of coloured words: one a method, in the registry's order, with a note where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.words import Contributions, WordsMap, WordsReport, WordsRow
from analysis.words.spans import Word, Words
from dashboard.figures.words_panels import UNREAD_LIMIT, shown_pieces, words_layers


def contributions(*values: float) -> Contributions:
    return Contributions(np.array(values), np.array(values), 0.0)


def report(text: str, *rows: WordsRow, at: tuple[tuple[int, int], ...] = ((0, 4),)) -> WordsReport:
    spans = tuple(Word(text[start:stop], text[start:stop], start, stop, True) for start, stop in at)
    words = Words(text, spans, np.arange(len(spans)), np.zeros(len(spans), bool))
    return WordsReport(
        words,
        np.zeros(len(spans), bool),
        ("no", "yes"),
        np.zeros(2),
        np.full(2, 0.5),
        1,
        "yes",
        0.0,
        None,
        0,
        rows,
    )


def row(maps: dict[str, WordsMap], window: int | None = 3) -> WordsRow:
    return WordsRow("blocks.0", 4, "Block 1 · 4", window, maps, {})


def test_a_panel_for_each_map_in_its_order() -> None:
    maps = {
        "other": WordsMap("Other", contributions(0.5, -2.0), note="said elsewhere"),
        "cam": WordsMap("CAM (none here)", None, "No class weights.", "none"),
        "zero": WordsMap("Zero", contributions(0.0, 0.0)),
    }
    (layer,) = words_layers(report("good", row(maps)))
    assert [(panel.title, panel.note, panel.scale) for panel in layer.panels] == [
        ("Other", "", 2.0),
        ("CAM (none here)", "No class weights.", 0.0),
        ("Zero", "Every word's contribution is zero here.", 0.0),
    ]
    values = [panel.values for panel in layer.panels]
    assert values[0] is not None
    assert values[0].tolist() == [0.5, -2]
    assert values[1] is None


def test_a_review_without_words_has_empty_panels_and_no_complaint() -> None:
    (layer,) = words_layers(report("", row({"cam": WordsMap("CAM", contributions())}), at=()))
    assert [(panel.note, panel.scale) for panel in layer.panels] == [("", 0.0)]


def test_a_layer_says_how_many_words_it_sees() -> None:
    labels = [layer.label for layer in words_layers(report("good", *(row({}, window) for window in (1, 3, None))))]
    assert labels == [
        "Block 1 · 4 · sees 1 word",
        "Block 1 · 4 · sees 3 words",
        "Block 1 · 4 · sees all words before",
    ]


def test_the_pieces_are_the_text_to_the_character():
    text = "A <b>good</b>  film!"
    pieces, cut = shown_pieces(report(text, at=((5, 9), (15, 19))))
    assert "".join(characters for characters, _ in pieces) == text
    assert [(characters, word) for characters, word in pieces if word >= 0] == [("good", 0), ("film", 1)]
    assert cut == 0


@pytest.mark.parametrize(("extra", "cut"), [(0, 0), (7, 7)])
def test_a_long_end_that_the_learner_does_not_read_is_cut(extra, cut):
    text = "good" + "x" * (UNREAD_LIMIT + extra)
    pieces, left_out = shown_pieces(report(text, at=((0, 4),)))
    assert left_out == cut
    assert "".join(characters for characters, _ in pieces) == text[: len(text) - cut]


def test_a_long_last_word_is_never_cut():
    text = "x" * (UNREAD_LIMIT + 7)
    assert shown_pieces(report(text, at=((0, len(text)),))) == ([(text, 0)], 0)


def test_an_empty_text_has_no_pieces():
    assert shown_pieces(report("", at=())) == ([], 0)
