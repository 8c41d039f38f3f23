"""What if: words struck out or replaced, and the review predicted again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.explain.engine.targets import Target, score_of
from analysis.explain.errors import ExplainError
from analysis.words.network import TextLearner, predict_ids, read_start
from analysis.words.spans import Words


@dataclass(frozen=True)
class Edit:
    """Characters `start` to `stop` of a text replaced by `replacement`; an empty one strikes them out."""

    start: int
    stop: int
    replacement: str = ""


@dataclass(frozen=True)
class Predicted:
    """A text and its prediction: `logits` and `probabilities` float64 (K,), `score` the explained number.

    The score is a logit, or the difference of two.
    """

    text: str
    logits: np.ndarray
    probabilities: np.ndarray
    score: float


@dataclass(frozen=True)
class WhatIf:
    """A review before and after each set of edits; all scores are of `target`, that of the review as it was."""

    target: Target
    before: Predicted
    after: tuple[Predicted, ...]

    @property
    def changes(self) -> np.ndarray:
        """Return score after minus score before (N,) float64; negative where lost words spoke for the target."""
        return np.array([one.score - self.before.score for one in self.after])


def edited(text: str, edits: Sequence[Edit]) -> str:
    """Return a text after edits; their spans are those of the text before them.

    Where a removed part has white space on both sides, the white space before it is removed too; a space remains
    where two words would otherwise join. Raises ExplainError where spans overlap or lie outside.
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
    """Return edits in order; neighbours that are both struck out become one edit."""
    merged: list[Edit] = []
    for edit in sorted(edits, key=lambda one: (one.start, one.stop)):
        if not (merged[-1].stop if merged else 0) <= edit.start <= edit.stop <= len(text):
            raise ExplainError(
                f"the edit of characters {edit.start} to {edit.stop} overlaps another one, or lies outside a text "
                f"of {len(text)} characters"
            )
        if edit.start == edit.stop and not edit.replacement:
            continue
        if merged and not edit.replacement and not merged[-1].replacement and merged[-1].stop == edit.start:
            merged[-1] = Edit(merged[-1].start, edit.stop)
        else:
            merged.append(edit)
    return merged


def what_if(
    learner: TextLearner,
    text: str,
    variants: Sequence[Sequence[Edit]],
    target: Target | None = None,
) -> WhatIf:
    """Predict a text as it is and after each set of edits, in one go.

    `target` is a class, a pair, or None for the class predicted before. Raises ExplainError for an edit or a
    target that does not fit.
    """
    texts = [text, *(edited(text, edits) for edits in variants)]
    chosen, predictions = predict_texts(learner, texts, target)
    return WhatIf(chosen, predictions[0], tuple(predictions[1:]))


def strike_each(
    learner: TextLearner,
    words: Words,
    target: Target | None = None,
    which: Sequence[int] | None = None,
) -> np.ndarray:
    """Return how far the score falls when a word is struck out (W,) float64, nan for words that were not tried.

    A word's contribution should predict this number: it is positive where the word spoke for the target. `which`
    are the words to try, all where it is None; each costs a prediction.
    """
    tried = list(range(len(words)) if which is None else which)
    variants = [[Edit(words.words[index].start, words.words[index].stop)] for index in tried]
    falls = np.full(len(words), np.nan)
    if tried:
        falls[tried] = -what_if(learner, words.text, variants, target).changes
    return falls


def predict_texts(
    learner: TextLearner, texts: Sequence[str], target: Target | None = None
) -> tuple[Target, list[Predicted]]:
    """Predict texts, all scored for one target: that given, or the class predicted for the first text."""
    logits = predict_ids(learner, [read_start(learner, text).ids for text in texts]).double()
    chosen = int(logits[0].argmax()) if target is None else target
    scores = score_of(chosen, logits).of(logits)
    return chosen, [
        Predicted(text, row.numpy(), row.softmax(dim=0).numpy(), float(score))
        for text, row, score in zip(texts, logits, scores, strict=True)
    ]
