"""What the three panels of coloured words show at each layer, before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from analysis.words import Contributions, WordsReport, WordsRow

UNREAD_SHOWN = 20_000  # characters after the last word the learner reads that are still shown


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
    """CAM, Grad-CAM and gradient x activation at every layer, in forward order."""
    return tuple(WordsLayer(_layer_label(row), _panels(row)) for row in report.rows)


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


def cam_title(row: WordsRow) -> str:
    """Which kind of class activation map this is."""
    if row.cam is None:
        return "CAM (none here)"
    if row.cam_kind == "exact":
        return "CAM (exact)"
    accuracy = "" if row.probe_accuracy is None else f" (accuracy {row.probe_accuracy:.2f})"
    return f"CAM of a linear probe{accuracy}"


def _panels(row: WordsRow) -> tuple[WordsPanel, ...]:
    gradient = row.gradient_label[:1].upper() + row.gradient_label[1:]
    return (
        _panel(cam_title(row), row.cam, row.cam_note if row.cam is None else ""),
        _panel("Grad-CAM", row.gradcam, ""),
        _panel(gradient, row.gradient, ""),
    )


def _panel(title: str, given: Contributions | None, note: str) -> WordsPanel:
    if given is None:
        return WordsPanel(title, note, None, 0.0)
    strongest = float(np.abs(given.words).max(initial=0.0))
    if strongest == 0 and len(given.words):
        note = "Every word is zero here."
    return WordsPanel(title, note, given.words, strongest)


def _layer_label(row: WordsRow) -> str:
    if row.window is None:
        return f"{row.label} · sees all words before"
    return f"{row.label} · sees {row.window} word{'s' if row.window > 1 else ''}"
