"""What if: words struck out or replaced, and the review predicted again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis.explain.errors import ExplainError
from analysis.explain.targets import ClassTargets, resolve_targets
from analysis.words.network import TextLearner, predict_ids, read_start, scores
from analysis.words.spans import Words


@dataclass(frozen=True)
class Edit:
    """Characters `start` to `stop` of a text replaced by `replacement`; an empty one strikes them out."""

    start: int
    stop: int
    replacement: str = ""


@dataclass(frozen=True)
class Predicted:
    """A text and what the learner says of it: `logits` and `probabilities` float64 (K,), `score` the explained
    number (a logit, or a difference of two)."""

    text: str
    logits: np.ndarray
    probabilities: np.ndarray
    score: float


@dataclass(frozen=True)
class WhatIf:
    """A review before and after each set of edits; all scores are of `target`, that of the review as it was."""

    target: int | tuple[int, int]
    before: Predicted
    after: tuple[Predicted, ...]

    @property
    def changes(self) -> np.ndarray:
        """(N,) float64: score after minus score before; negative where what was taken spoke for the target."""
        return np.array([one.score - self.before.score for one in self.after])


def edited(text: str, edits: Sequence[Edit]) -> str:
    """Return a text with edits made; their spans are those of the text as it was.

    What is struck out takes the white space before it along where white space follows too, and leaves a space
    where two words would otherwise grow together. Raises ExplainError where spans overlap or lie outside.
    """
    parts: list[str] = []
    place = 0
    for edit in _merged(text, edits):
        kept = text[place : edit.start]
        if not edit.replacement:
            before, after = text[edit.start - 1 : edit.start] or " ", text[edit.stop : edit.stop + 1] or " "
            if kept and before.isspace() and after.isspace():
                kept = kept[:-1]
            elif before.isalnum() and after.isalnum():
                kept += " "
        parts += [kept, edit.replacement]
        place = edit.stop
    return "".join([*parts, text[place:]])


def _merged(text: str, edits: Sequence[Edit]) -> list[Edit]:
    """Return edits in order, what is struck out side by side as one."""
    found: list[Edit] = []
    for edit in sorted(edits, key=lambda one: (one.start, one.stop)):
        if not (found[-1].stop if found else 0) <= edit.start <= edit.stop <= len(text):
            raise ExplainError(
                f"the edit of characters {edit.start} to {edit.stop} overlaps another one, or lies outside a text "
                f"of {len(text)} characters"
            )
        if edit.start == edit.stop and not edit.replacement:
            continue
        if found and not edit.replacement and not found[-1].replacement and found[-1].stop == edit.start:
            found[-1] = Edit(found[-1].start, edit.stop)
        else:
            found.append(edit)
    return found


def what_if(
    learner: TextLearner,
    text: str,
    variants: Sequence[Sequence[Edit]],
    target: int | tuple[int, int] | None = None,
) -> WhatIf:
    """Predict a text as it is and after each set of edits, in one go.

    `target` is a class, a pair, or None for the class predicted before. Raises ExplainError for an edit or a
    target that does not fit.
    """
    texts = [text, *(edited(text, edits) for edits in variants)]
    chosen, found = predict_texts(learner, texts, target)
    return WhatIf(chosen, found[0], tuple(found[1:]))


def strike_each(
    learner: TextLearner,
    words: Words,
    target: int | tuple[int, int] | None = None,
    which: Sequence[int] | None = None,
) -> np.ndarray:
    """(W,) float64: how far the score falls when a word is struck out, nan for words that were not tried.

    This is what a word's contribution should foretell: positive where the word spoke for the target. `which`
    are the words to try, all where it is None; each costs a prediction.
    """
    tried = list(range(len(words)) if which is None else which)
    variants = [[Edit(words.words[index].start, words.words[index].stop)] for index in tried]
    found = np.full(len(words), np.nan)
    if tried:
        found[tried] = -what_if(learner, words.text, variants, target).changes
    return found


def predict_texts(
    learner: TextLearner, texts: Sequence[str], target: int | tuple[int, int] | None = None
) -> tuple[int | tuple[int, int], list[Predicted]]:
    """Predict texts, all scored for one target: that given, or the class predicted for the first text."""
    logits = predict_ids(learner, [read_start(learner, text).ids for text in texts]).double()
    chosen, against = resolve_targets(_for_all(target, logits), logits)
    known = int(chosen[0]) if against is None else (int(chosen[0]), int(against[0]))
    found = scores(logits, chosen, against)
    return known, [
        Predicted(text, row.numpy(), row.softmax(dim=0).numpy(), float(score))
        for text, row, score in zip(texts, logits, found, strict=True)
    ]


def _for_all(target: int | tuple[int, int] | None, logits: Tensor) -> ClassTargets:
    return torch.full((len(logits),), int(logits[0].argmax())) if target is None else target
