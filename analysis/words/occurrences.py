"""Every occurrence of every word in a set of reviews, with its contribution: what rankings are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from analysis.explain.errors import ExplainError
from analysis.explain.targets import ClassTargets
from analysis.progress import ProgressEvent, Report, silent
from analysis.words.methods import choose, token_values
from analysis.words.network import TextLearner, batches, pad, read, read_start
from analysis.words.phrases import ngrams
from analysis.words.spans import Words, join_tokens

SetTarget = int | tuple[int, int] | tuple[np.ndarray, np.ndarray] | None
_SPLITTING = 0.3  # its share of the time, for the progress


@dataclass(frozen=True)
class Occurrences:
    """The words (or phrases) of R reviews: N occurrences of V different ones.

    Attributes
    ----------
    words : (V,) in lower case; punctuation and emoji are not among them.
    known : (V,) bool, whether the vocabulary has at least one token of it.
    word, review : (N,) int64, which word stands in which review, in the order of the reviews and their texts.
    contribution : (N,) float64, in logits of the explained score.
    evidence : (N,) float64, the contribution times the number of the review's tokens: what the word says
        however long the review is. For the exact CAM it is the value of the map.
    scores : (R,) float64, the explained number of each review.
    logits : (R, K) float64.
    method, layer : how the contributions were made.
    """

    words: tuple[str, ...]
    known: np.ndarray
    word: np.ndarray
    review: np.ndarray
    contribution: np.ndarray
    evidence: np.ndarray
    scores: np.ndarray
    logits: np.ndarray
    method: str
    layer: str


@dataclass(frozen=True)
class _OfReview:
    """One review's part: the numbers of its words, their contributions, and which the vocabulary has."""

    word: np.ndarray
    contribution: np.ndarray
    known: np.ndarray
    tokens: int
    score: float
    logits: np.ndarray


def collect(
    learner: TextLearner,
    texts: Sequence[str],
    target: SetTarget = None,
    method: str | None = None,
    layer: str | None = None,
    length: int = 1,
    report: Report = silent,
) -> Occurrences:
    """Explain a set of reviews and gather the contributions of all their words.

    Parameters
    ----------
    target : a class, a pair (a, b) for the score of a minus that of b, a pair of arrays (R,) with one contrast
        a review, or None: with two classes the pair (1, 0), so that all reviews speak of the same score.
    method, layer : what `methods.choose` allows; the exact CAM by default, where there is one.
    length : 1 for words, more for phrases of so many spoken words within one sentence.
    report : receives stage "words"; may raise to cancel.

    Raises
    ------
    ExplainError : no reviews, a target or a method that does not fit, or no target and more than two classes.
    """
    if not texts:
        raise ExplainError("there is no review to collect words from")
    method, layer = choose(learner.model, method, layer)
    encodings = []
    for count, text in enumerate(texts):
        if count % 500 == 0:
            share = _SPLITTING * count / len(texts)
            report(ProgressEvent("words", f"Splitting review {count} of {len(texts)}", share))
        encodings.append(read_start(learner, text))
    index: dict[str, int] = {}
    found: dict[int, _OfReview] = {}
    for part in batches([len(encoding.ids) for encoding in encodings]):
        share = _SPLITTING + (1 - _SPLITTING) * len(found) / len(texts)
        report(ProgressEvent("words", f"Reading review {len(found)} of {len(texts)}", share))
        ids = pad([encodings[place].ids for place in part], learner.device)
        reading = read(learner.model, ids, _targets(target, part, ids), [layer], gradients=method != "cam")
        if target is None and reading.logits.shape[1] != 2:
            raise ExplainError(
                f"the learner has {reading.logits.shape[1]} classes: say which one, or which pair, is explained"
            )
        values = token_values(learner.model, reading, method, layer).double().cpu().numpy()
        logits = reading.logits.double().cpu().numpy()
        for row, (place, score) in enumerate(zip(part.tolist(), reading.scores().tolist(), strict=True)):
            words = join_tokens(texts[place], encodings[place].tokens)
            found[place] = _of_review(words, encodings[place].ids, values[row], score, logits[row], index, length)
    return _joined([found[place] for place in range(len(texts))], index, method, layer)


def _of_review(
    words: Words,
    ids: np.ndarray,
    values: np.ndarray,
    score: float,
    logits: np.ndarray,
    index: dict[str, int],
    length: int,
) -> _OfReview:
    by_word = words.sums(values[: len(ids)])
    known = words.known(ids)
    spoken = [place for place, word in enumerate(words.words) if word.spoken]
    if length == 1:
        keys = [words.words[place].key for place in spoken]
        sums, seen = by_word[spoken], known[spoken]
    else:
        found = ngrams(words, by_word, length)
        parts = [[p for p in range(one.first, one.last + 1) if words.words[p].spoken] for one in found]
        keys = [" ".join(words.words[p].key for p in part) for part in parts]
        sums = np.array([one.contribution for one in found])
        seen = np.array([known[part].any() for part in parts], dtype=bool)
    numbers = [index.setdefault(key, len(index)) for key in keys]
    return _OfReview(np.array(numbers, dtype=np.int64), sums, seen, len(ids), score, logits)


def _joined(found: Sequence[_OfReview], index: dict[str, int], method: str, layer: str) -> Occurrences:
    counts = [len(one.word) for one in found]
    word = np.concatenate([one.word for one in found])
    contribution = np.concatenate([one.contribution for one in found])
    known = np.zeros(len(index), dtype=bool)
    known[word[np.concatenate([one.known for one in found])]] = True
    return Occurrences(
        words=tuple(index),
        known=known,
        word=word,
        review=np.repeat(np.arange(len(found)), counts),
        contribution=contribution,
        evidence=contribution * np.repeat([one.tokens for one in found], counts),
        scores=np.array([one.score for one in found]),
        logits=np.stack([one.logits for one in found]),
        method=method,
        layer=layer,
    )


def _targets(target: SetTarget, part: np.ndarray, ids: torch.Tensor) -> ClassTargets:
    """Return the target of a batch; a contrast of classes 1 and 0 where none was given."""
    if target is None:
        return 1, 0
    if isinstance(target, tuple):
        first, second = (_of_part(one, part, ids.device) for one in target)
        return first, second
    return target


def _of_part(classes: Any, part: np.ndarray, device: torch.device) -> Any:
    return torch.from_numpy(classes[part]).to(device) if isinstance(classes, np.ndarray) else classes
