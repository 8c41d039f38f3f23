"""The panels of coloured words: one a method, in the registry's order, with a note where there is nothing."""

from __future__ import annotations

import numpy as np

from analysis.words import Contributions, WordsMap, WordsReport, WordsRow
from analysis.words.spans import Word, Words
from dashboard.figures.words_panels import UNREAD_SHOWN, shown_pieces, words_layers


def contributions(*values: float) -> Contributions:
    return Contributions(np.array(values), np.array(values), 0.0)


def report(text: str, *rows: WordsRow) -> WordsReport:
    words = Words(text, (Word("good", "good", 0, 4, True),), np.array([0]), np.array([False]))
    return WordsReport(
        words, np.array([False]), ("no", "yes"), np.zeros(2), np.full(2, 0.5), 1, "yes", 0.0, None, 0, rows
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
        ("Zero", "Every word is zero here.", 0.0),
    ]
    values = [panel.values for panel in layer.panels]
    assert values[0] is not None
    assert values[0].tolist() == [0.5, -2]
    assert values[1] is None


def test_a_layer_says_how_many_words_it_sees() -> None:
    labels = [layer.label for layer in words_layers(report("good", *(row({}, window) for window in (1, 3, None))))]
    assert labels == [
        "Block 1 · 4 · sees 1 word",
        "Block 1 · 4 · sees 3 words",
        "Block 1 · 4 · sees all words before",
    ]


def test_the_pieces_are_the_text_but_for_a_long_end_that_is_not_read() -> None:
    assert shown_pieces(report("good film")) == ([("good", 0), (" film", -1)], 0)
    pieces, cut = shown_pieces(report("good" + "x" * (UNREAD_SHOWN + 7)))
    assert (len(pieces[-1][0]), cut) == (UNREAD_SHOWN, 7)
