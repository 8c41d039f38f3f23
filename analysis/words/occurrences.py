"""Every occurrence of every word in a set of reviews, with its contribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from analysis.explain.engine.targets import ClassTargets, Target
from analysis.explain.errors import ExplainError
from analysis.learner.words.batches import by_length
from analysis.progress import ProgressEvent, Report, silent
from analysis.words.network import TEXTS, TOKENS, TextLearner, read_start
from analysis.words.phrases import ngrams
from analysis.words.spans import Words, join_tokens
from analysis.words.token_values import choose, token_values

SetTarget = Target | tuple[np.ndarray, np.ndarray] | None
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
    method, layer : the names of the method and the layer that the contributions come from.
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
    method, layer : what `token_values.choose` allows; the exact CAM by default, where there is one.
    length : 1 for words, n for phrases of n spoken words within one sentence.
    report : receives stage "words"; may raise to cancel.

    Raises
    ------
    ExplainError : no reviews, a target or a method that does not fit, or no target and more than two classes.
    """
    if not texts:
        raise ExplainError("there is no review to collect words from")
    chosen, layer = choose(learner.model, method, layer)
    encodings = []
    for count, text in enumerate(texts):
        if count % 500 == 0:
            share = _SPLITTING * count / len(texts)
            report(ProgressEvent("words", f"Splitting review {count} of {len(texts)}", share))
        encodings.append(read_start(learner, text))
    index: dict[str, int] = {}
    reviews: dict[int, _OfReview] = {}
    for part in by_length([len(encoding.ids) for encoding in encodings], TEXTS, TOKENS):
        share = _SPLITTING + (1 - _SPLITTING) * len(reviews) / len(texts)
        report(ProgressEvent("words", f"Reading review {len(reviews)} of {len(texts)}", share))
        sequences = [encodings[place].ids for place in part]
        targets = _targets(target, part, learner.device)
        reading, values = token_values(learner, sequences, targets, chosen, layer)
        if target is None and reading.logits.shape[1] != 2:
            raise ExplainError(
                f"the learner has {reading.logits.shape[1]} classes: say which one, or which pair, is explained"
            )
        logits = reading.logits.double().cpu().numpy()
        for row, (place, score) in enumerate(zip(part.tolist(), reading.scores().tolist(), strict=True)):
            words = join_tokens(texts[place], encodings[place].tokens)
            reviews[place] = _of_review(
                words, encodings[place].ids, values[row], score, logits[row], index, length
            )
    return _joined([reviews[place] for place in range(len(texts))], index, chosen.name, layer)


def _of_review(
    words: Words,
    ids: np.ndarray,
    values: np.ndarray,
    score: float,
    logits: np.ndarray,
    index: dict[str, int],
    length: int,
) -> _OfReview:
    by_word = words.sums(values)
    known = words.known(ids)
    spoken = [place for place, word in enumerate(words.words) if word.spoken]
    if length == 1:
        keys = [words.words[place].key for place in spoken]
        sums, seen = by_word[spoken], known[spoken]
    else:
        phrases = ngrams(words, by_word, length)
        parts = [[p for p in range(one.first, one.last + 1) if words.words[p].spoken] for one in phrases]
        keys = [" ".join(words.words[p].key for p in part) for part in parts]
        sums = np.array([one.contribution for one in phrases])
        seen = np.array([known[part].any() for part in parts], dtype=bool)
    numbers = [index.setdefault(key, len(index)) for key in keys]
    return _OfReview(np.array(numbers, dtype=np.int64), sums, seen, len(ids), score, logits)


def _joined(reviews: Sequence[_OfReview], index: dict[str, int], method: str, layer: str) -> Occurrences:
    counts = [len(one.word) for one in reviews]
    word = np.concatenate([one.word for one in reviews])
    contribution = np.concatenate([one.contribution for one in reviews])
    known = np.zeros(len(index), dtype=bool)
    known[word[np.concatenate([one.known for one in reviews])]] = True
    return Occurrences(
        words=tuple(index),
        known=known,
        word=word,
        review=np.repeat(np.arange(len(reviews)), counts),
        contribution=contribution,
        evidence=contribution * np.repeat([one.tokens for one in reviews], counts),
        scores=np.array([one.score for one in reviews]),
        logits=np.stack([one.logits for one in reviews]),
        method=method,
        layer=layer,
    )


def _targets(target: SetTarget, part: np.ndarray, device: torch.device) -> ClassTargets:
    """Return the target of a batch; a contrast of classes 1 and 0 where none was given."""
    if target is None:
        return 1, 0
    if isinstance(target, tuple):
        first, second = (_of_part(one, part, device) for one in target)
        return first, second
    return target


def _of_part(classes: Any, part: np.ndarray, device: torch.device) -> Any:
    return torch.from_numpy(classes[part]).to(device) if isinstance(classes, np.ndarray) else classes
