"""What the panels of coloured words show at each layer, a panel a method, before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from analysis.words import WordsMap, WordsReport, WordsRow

UNREAD_SHOWN = 20_000  # characters behind the last word the learner reads that are still shown


@dataclass(frozen=True)
class WordsPanel:
    """One method at one layer: values (W,) or None, and the value of the strongest colour.

    The note says why there are none, or what kind they are; it is "" otherwise.
    """

    title: str
    note: str
    values: np.ndarray | None
    scale: float


@dataclass(frozen=True)
class WordsLayer:
    """One position of the slider."""

    label: str
    panels: tuple[WordsPanel, ...]


def words_layers(report: WordsReport) -> tuple[WordsLayer, ...]:
    """Return every method at every layer, in forward order."""
    return tuple(WordsLayer(_layer_label(row), tuple(map(_panel, row.maps.values()))) for row in report.rows)


def shown_pieces(report: WordsReport) -> tuple[list[tuple[str, int]], int]:
    """The text in pieces (characters, index of the word or -1), and how many characters at the end are left out.

    Joined, the pieces are the text to the character, but for a very long tail that the learner doesn't read.
    """
    from analysis.words import pieces

    found = [(piece.text, -1 if piece.word is None else piece.word) for piece in pieces(report.words)]
    cut = 0
    if found and found[-1][1] < 0:
        text = found[-1][0]
        cut = max(0, len(text) - UNREAD_SHOWN)
        found[-1] = (text[: len(text) - cut], -1)
    return found, cut


def _panel(shown: WordsMap) -> WordsPanel:
    if shown.contributions is None:
        return WordsPanel(shown.title, shown.note, None, 0.0)
    values = shown.contributions.words
    strongest = float(np.abs(values).max(initial=0.0))
    note = "Every word is zero here." if strongest == 0 and len(values) else ""
    return WordsPanel(shown.title, note, values, strongest)


def _layer_label(row: WordsRow) -> str:
    if row.window is None:
        return f"{row.label} · sees all words before"
    return f"{row.label} · sees {row.window} word{'s' if row.window > 1 else ''}"
