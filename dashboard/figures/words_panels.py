"""What the panels of coloured words show at each layer, a panel a method, before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from analysis.words import WordsMap, WordsReport, WordsRow

UNREAD_LIMIT = 20_000  # characters shown after the last word that the learner reads; more would slow the page


@dataclass(frozen=True)
class WordsPanel:
    """One method at one layer.

    Attributes
    ----------
    title : name of the method.
    note : why there are no values or why all are zero, else "".
    values : contributions of the words, float (W,), or None.
    scale : the absolute value that gets the strongest colour.
    """

    title: str
    note: str
    values: np.ndarray | None
    scale: float


@dataclass(frozen=True)
class WordsLayer:
    """One layer, which is one position of the slider: its name and its panels."""

    label: str
    panels: tuple[WordsPanel, ...]


def words_layers(report: WordsReport) -> tuple[WordsLayer, ...]:
    """Return every method at every layer, in forward order."""
    return tuple(WordsLayer(_layer_label(row), tuple(map(_panel, row.maps.values()))) for row in report.rows)


def shown_pieces(report: WordsReport) -> tuple[list[tuple[str, int]], int]:
    """Cut the text into pieces, so that each word can be coloured.

    Joined again, the pieces give the text, character by character. The part after the last word that the learner
    reads is shortened to `UNREAD_LIMIT` characters.

    Returns
    -------
    pieces : (characters, index of the word) in the order of the text; the index is -1 between words.
    cut : how many characters are left out at the end.
    """
    from analysis.words import pieces

    parts = [(piece.text, -1 if piece.word is None else piece.word) for piece in pieces(report.words)]
    cut = 0
    if parts and parts[-1][1] < 0:
        text = parts[-1][0]
        cut = max(0, len(text) - UNREAD_LIMIT)
        parts[-1] = (text[: len(text) - cut], -1)
    return parts, cut


def _panel(words_map: WordsMap) -> WordsPanel:
    if words_map.contributions is None:
        return WordsPanel(words_map.title, words_map.note, None, 0.0)
    values = words_map.contributions.words
    strongest = float(np.abs(values).max(initial=0.0))
    note = "Every word's contribution is zero here." if strongest == 0 and len(values) else ""
    return WordsPanel(words_map.title, note, values, strongest)


def _layer_label(row: WordsRow) -> str:
    if row.window is None:
        return f"{row.label} · sees all words before"
    return f"{row.label} · sees {row.window} word{'s' if row.window > 1 else ''}"
