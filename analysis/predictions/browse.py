"""Which predictions to show and in which order, and how words are found in texts."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass

SORTS = {
    "loss": "Highest loss first",
    "confidence": "Most confident first",
    "margin": "Closest calls first",
    "name": "File name",
}


@dataclass(frozen=True)
class Browse:
    """Which predictions to show, and in which order.

    Attributes
    ----------
    true, predicted : names of classes; empty for every class
    confidence : lowest and highest confidence, both included, within 0..1
    name : part of the file name; upper and lower case are the same
    sort : a key of `SORTS`
    correct : show the correct predictions too
    word : for texts only, a word or a phrase that the text contains (see `word_pattern`)
    """

    true: tuple[str, ...] = ()
    predicted: tuple[str, ...] = ()
    confidence: tuple[float, float] = (0.0, 1.0)
    name: str = ""
    sort: str = "loss"
    correct: bool = False
    word: str = ""

    def to_text(self) -> str:
        """Return the view as short text for a link; empty for the default one."""
        plain = asdict(Browse())
        changed = {key: value for key, value in asdict(self).items() if value != plain[key]}
        return json.dumps(changed, separators=(",", ":"), ensure_ascii=False) if changed else ""

    @classmethod
    def from_text(cls, text: str, class_names: Collection[str]) -> Browse:
        """Read what `to_text` wrote, without classes that do not exist; anything else gives the default view."""
        try:
            values = json.loads(text or "{}")
            low, high = sorted(float(bound) for bound in values.get("confidence", (0.0, 1.0)))
            sort = values.get("sort", "loss")
            return cls(
                true=tuple(name for name in values.get("true", ()) if name in class_names),
                predicted=tuple(name for name in values.get("predicted", ()) if name in class_names),
                confidence=(low, high),
                name=str(values.get("name", "")),
                sort=sort if sort in SORTS else "loss",
                correct=values.get("correct") is True,
                word=str(values.get("word", "")),
            )
        except (ValueError, TypeError, AttributeError):
            return cls()


def word_pattern(word: str) -> re.Pattern[str]:
    """Return a pattern that finds whole words or phrases: "art" is in "Modern ART" and not in "part".

    Whole words are asked for only where ASCII letters or digits begin or end `word`: other scripts may write words
    without spaces.
    """
    inner = r"\s+".join(re.escape(part) for part in word.split())
    before = r"(?<![A-Za-z0-9])" if word[:1].isascii() and word[:1].isalnum() else ""
    after = r"(?![A-Za-z0-9])" if word[-1:].isascii() and word[-1:].isalnum() else ""
    return re.compile(before + inner + after, re.IGNORECASE)


def excerpt(text: str, word: str = "", length: int = 280) -> str:
    """Return the beginning of a text, or the part around the first `word`; "…" marks what is left out."""
    match = word_pattern(word).search(text) if word else None
    start = 0 if match is None or match.end() <= length else match.start() - length // 3
    stop = start + length
    return ("…" if start else "") + text[start:stop] + ("…" if stop < len(text) else "")
