"""Labelled examples, images or texts, as a source gives them to a fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.errors import CamLensError

VALID_SHARE = 0.2  # valid_pct in the chapter


class DataError(CamLensError, ValueError):
    """The data cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class LabelledExamples:
    """Examples with labels and a split into training and validation.

    Attributes
    ----------
    source, task : names from a recipe
    root : folder or file that the examples were read from
    files : a name for each example, unique and always the same: that of a file below `root`, or of a row in it
    labels : a label for each example, as in fastai's vocabulary
    valid : for each example, whether it is in the validation set
    skipped : (name, reason) of each example that was left out
    """

    source: str
    task: str
    root: Path
    files: tuple[str, ...]
    labels: tuple[Any, ...]
    valid: tuple[bool, ...]
    skipped: tuple[tuple[str, str], ...] = ()

    def vocabulary(self) -> list[Any]:
        """Return the distinct labels, sorted as fastai sorts them."""
        return sorted(set(self.labels))

    def class_names(self) -> list[str]:
        """Return the labels as text for people, in the vocabulary's order."""
        return [str(label) for label in self.vocabulary()]

    def file_facts(self) -> list[tuple[int | None, int | None]]:
        """Return (size in bytes, time of the file's last change in ns) for each example; None if unknown."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """Return a sha256 of everything in the data that a learner depends on."""
        raise NotImplementedError
