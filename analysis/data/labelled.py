"""Labelled examples, images or texts: what a source hands to a fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.errors import CamLensError

VALID_SHARE = 0.2  # the chapter's valid_pct


class DataError(CamLensError, ValueError):
    """The data cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Labelled:
    """Examples with labels and a split into training and validation.

    Attributes
    ----------
    source, task : names that a recipe knows
    root : folder or file that they were read from
    files : one name each, unique and stable: of a file below `root`, or of a row in it
    labels : fastai's labels, one each
    valid : one each, True in the validation set
    skipped : (name, reason) of those that were left out
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
        """Return the vocabulary's labels as shown to a person."""
        return [str(label) for label in self.vocabulary()]

    def file_facts(self) -> list[tuple[int | None, int | None]]:
        """Return for each example its size in bytes and when its file was changed, in ns; None where not known."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """Return a sha256 over whatever a learner made from these depends on."""
        raise NotImplementedError
