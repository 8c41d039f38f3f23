"""Labelled texts from any source: checked, without copies, split into training and validation."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.data.labelled import VALID_SHARE, DataError, LabelledExamples
from analysis.data.split import stable_split

TEXT_SOURCES = ("reviews", "imdb_sample", "imdb", "table")
TEXT_TASKS = {
    "reviews": ("imdb", "rotten_tomatoes"),
    "imdb_sample": ("imdb",),
    "imdb": ("imdb",),
    "table": ("table",),
}
MOST_CLASSES = 100
_FEWEST = 5  # one of five texts goes to the validation set


@dataclass(frozen=True)
class LabelledTexts(LabelledExamples):
    """Texts with labels and a split into training and validation.

    `files` are the names of the texts, such as "imdb/00012" for row 12 of the source, counted from 0. Labels are
    str. `texts` holds the texts as they are in the source, one for each name.
    """

    texts: tuple[str, ...] = ()

    def file_facts(self) -> list[tuple[int | None, int | None]]:
        """Return each text's size in bytes, as UTF-8; a text has no file of its own."""
        return [(len(text.encode("utf-8", "surrogatepass")), None) for text in self.texts]

    def fingerprint(self) -> str:
        """Return a sha256 of names, texts, labels and split."""
        digest = hashlib.sha256(json.dumps([self.source, self.task]).encode())
        for row in sorted(zip(self.files, self.texts, self.labels, self.valid, strict=True)):
            digest.update(json.dumps(row).encode())
        return digest.hexdigest()

    def left_out(self) -> str:
        """Return how many texts were left out for which reason, as a sentence; empty where none were."""
        if not self.skipped:
            return ""
        reasons = Counter(reason.split(":")[0] for _, reason in self.skipped)
        return f"Left out: {'; '.join(f'{count:,} × {reason}' for reason, count in reasons.items())}."


def labelled_texts(
    source: str,
    task: str,
    root: Path,
    names: Sequence[str],
    texts: Sequence[str],
    labels: Sequence[str],
    valid: Sequence[bool] | None = None,
    seed: int = 21,
    neighbours: int | None = None,
    sides: Mapping[str, bool] | None = None,
) -> LabelledTexts:
    """Return checked texts: empty ones, those without a label, and copies are left out and listed as skipped.

    Of several copies of a text, the first in the training set is kept, or the first of all where none is in the
    training set. So no validation text can be learned by heart.

    Parameters
    ----------
    labels : one for each text; "" where there is none
    valid : the source's own split; drawn with `seed`, about a fifth of the texts, where None
    seed : of the split that is drawn
    neighbours : blocks of this many neighbouring texts go to the same part of the split that is drawn; None for a
        split in which the text itself decides (see `stable_split`)
    sides : an earlier split, which replaces all others: name -> whether it is in the validation set

    Raises
    ------
    DataError : fewer than two classes, too many, too few texts, or a class without training texts
    """
    skipped: list[tuple[str, str]] = []
    usable: list[int] = []
    for index, (name, text, label) in enumerate(zip(names, texts, labels, strict=True)):
        if not label.strip():
            skipped.append((name, "no label"))
        elif not text.strip():
            skipped.append((name, "no text"))
        else:
            usable.append(index)
    if sides is not None:
        # a text that was left out then counts as validation: as a copy it is left out again
        in_valid = [sides.get(name, True) for name in names]
    elif valid is not None:
        in_valid = list(valid)
    elif neighbours is not None:
        in_valid = _draw(len(names), seed, neighbours)
    else:
        drawn = stable_split([texts[index] for index in usable], seed) if usable else []
        in_valid = [False] * len(names)
        for index, side in zip(usable, drawn, strict=True):
            in_valid[index] = side
    kept: list[int] = []
    first: dict[str, int] = {}
    for index in sorted(usable, key=lambda index: in_valid[index]):  # training texts before validation texts
        original = first.setdefault(texts[index], index)
        if original == index:
            kept.append(index)
        else:
            part = (
                "validation text that is a copy of a training text"
                if in_valid[index] > in_valid[original]
                else "copy"
            )
            skipped.append((names[index], f"{part}: the same as {names[original]}"))
    kept.sort()
    data = LabelledTexts(
        source,
        task,
        root,
        tuple(names[index] for index in kept),
        tuple(labels[index] for index in kept),
        tuple(bool(in_valid[index]) for index in kept),
        tuple(skipped),
        tuple(texts[index] for index in kept),
    )
    _check(data, seed if valid is None and sides is None else None)
    return data


def _draw(count: int, seed: int, neighbours: int) -> list[bool]:
    """Choose a fifth of the blocks of `neighbours` texts for validation; return a bool for each text."""
    blocks = -(-count // neighbours)
    order = np.random.default_rng(seed).permutation(blocks)
    chosen = np.zeros(blocks, dtype=bool)
    chosen[order[: max(1, round(VALID_SHARE * blocks))]] = True
    return chosen.repeat(neighbours)[:count].tolist()


def _check(data: LabelledTexts, seed: int | None) -> None:
    left = data.left_out()
    classes = data.vocabulary()
    if not classes:
        raise DataError(f"{data.root} holds no text with a label. {left}".rstrip())
    if len(classes) == 1:
        raise DataError(f"All texts of {data.root} have the label {classes[0]!r}; two are needed. {left}".rstrip())
    if len(classes) > MOST_CLASSES:
        raise DataError(
            f"{data.root} has {len(classes):,} different labels, such as {classes[0][:40]!r}; at most "
            f"{MOST_CLASSES} are handled. Is it the column of the labels?"
        )
    if len(data.files) < _FEWEST:
        raise DataError(f"{len(data.files)} texts are too few to split; give at least {_FEWEST}. {left}".rstrip())
    if all(data.valid) or not any(data.valid):
        part = "training" if all(data.valid) else "validation"
        raise DataError(f"No text of {data.root} is left for {part}. {left}".rstrip())
    trained = {label for label, in_valid in zip(data.labels, data.valid, strict=True) if not in_valid}
    unseen = [label for label in classes if label not in trained]
    if unseen:
        cure = "Change the split." if seed is None else "Add texts of it or choose another seed."
        drawn = "" if seed is None else f"With seed {seed}, "
        message = f"{drawn}no text of {', '.join(unseen[:5])} is left for training. {cure}"
        raise DataError(message[0].upper() + message[1:])
