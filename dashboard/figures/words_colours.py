"""The two colours of words: warm for the explained class, blue against it."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.figures.palette import INKS, Theme

# Opacity of the colour under the strongest word: with more of it, the text on it would be hard to read.
STRENGTH: dict[Theme, float] = {"light": 0.62, "dark": 0.55}


@dataclass(frozen=True)
class WordColours:
    """Colours of words.

    Attributes
    ----------
    speaks_for, against : hex colours of a positive and of a negative contribution.
    strength : opacity, 0 to 1, of the colour under the strongest word.
    """

    speaks_for: str
    against: str
    strength: float


def word_colours(theme: Theme) -> WordColours:
    """Return the colours of a theme: warm stands for positive values, as in the maps of pictures."""
    ink = INKS[theme]
    return WordColours(ink.bad, ink.good, STRENGTH[theme])
