"""Each occurrence of each word in a set of reviews, with its contribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from analysis.explain.engine.targets import ClassTargets, Target
from analysis.explain.errors import ExplainError
from analysis.learner.words.batches import by_length
from analysis.progress import ProgressEvent, Report, silent, within
from analysis.sweep import array_of, column, sweep
from analysis.words.network import TEXTS, TOKENS, Encoding, TextLearner, read_start
from analysis.words.phrases import ngrams
from analysis.words.spans import join_tokens
from analysis.words.token_values import choose, token_values

SetTarget = Target | tuple[np.ndarray, np.ndarray] | None
_SPLITTING = 0.3  # its share of the time, for the progress
_SPLIT_AT_ONCE = 500  # texts between two reports


@dataclass(frozen=True)
class Occurrences:
    """The words (or phrases) of R reviews: N occurrences of V different ones.

    Attributes
    ----------
    words : (V,) in lower case; punctuation and emoji are not among them.
    known : (V,) bool, whether the vocabulary has at least one token of it.
    word, review : (N,) int64, the number of the word and of the review it stands in, in the order of the reviews
        and of their texts.
    contribution : (N,) float64, in logits of the explained score.
    evidence : (N,) float64, the contribution times the number of the review's tokens, which does not depend on
        the review's length. For the exact CAM it is the value of the map.
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
class _Review:
    """One review to read: its place in the set, its text and how the learner reads it."""

    place: int
    text: str
    encoding: Encoding


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
        for each review, or None: with two classes the pair (1, 0), so that all reviews have the same score.
    method, layer : what `token_values.choose` allows; the exact CAM by default, where there is one.
    length : 1 for words, n for phrases of n spoken words within one sentence.
    report : receives stage "words"; raise from it to stop.

    Raises
    ------
    ExplainError : no reviews, a target or a method that does not fit, or no target and more than two classes.
    """
    if not texts:
        raise ExplainError("there is no review to collect words from")
    chosen, layer = choose(learner.model, method, layer)

    def explain(reviews: Sequence[_Review]) -> pa.Table:
        targets = _targets(target, np.array([review.place for review in reviews]), learner.device)
        reading, values = token_values(
            learner, [review.encoding.ids for review in reviews], targets, chosen, layer
        )
        if target is None and reading.logits.shape[1] != 2:
            raise ExplainError(
                f"the learner has {reading.logits.shape[1]} classes: say which one, or which pair, is explained"
            )
        parts = [_of_review(review, row, length) for review, row in zip(reviews, values, strict=True)]
        words, contributions, known = zip(*parts, strict=True)
        return pa.table(
            {
                "words": pa.array(words, pa.large_list(pa.large_string())),
                "contributions": pa.array(contributions, pa.large_list(pa.float64())),
                "known": pa.array(known, pa.large_list(pa.bool_())),
                "tokens": column(np.array([len(review.encoding.ids) for review in reviews])),
                "score": column(reading.scores().double().cpu().numpy()),
                "logits": column(reading.logits.double().cpu().numpy()),
            }
        )

    reviews = _split(learner, texts, within(report, 0.0, _SPLITTING))
    batches = by_length([len(review.encoding.ids) for review in reviews], TEXTS, TOKENS)
    read = within(report, _SPLITTING, 1.0)
    message = "Reading review {done} of {total}"
    table = sweep(reviews, explain, batches=batches, report=read, stage="words", message=message).table()
    return _joined(table, chosen.name, layer)


def _split(learner: TextLearner, texts: Sequence[str], report: Report) -> list[_Review]:
    """Split texts into tokens; their numbers decide which texts share a batch."""
    reviews = []
    for place, text in enumerate(texts):
        if place % _SPLIT_AT_ONCE == 0:
            report(ProgressEvent("words", f"Splitting review {place} of {len(texts)}", place / len(texts)))
        reviews.append(_Review(place, text, read_start(learner, text)))
    return reviews


def _of_review(review: _Review, values: np.ndarray, length: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the words or phrases of a review, their contributions, and whether the vocabulary has them."""
    words = join_tokens(review.text, review.encoding.tokens)
    by_word = words.sums(values)
    known = words.known(review.encoding.ids)
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
    return keys, sums, seen


def _joined(table: pa.Table, method: str, layer: str) -> Occurrences:
    """Return the rows of all reviews as one collection of occurrences."""
    counts = pc.list_value_length(table["words"]).to_numpy()
    words = pc.list_flatten(table["words"]).combine_chunks().dictionary_encode()  # in order of first appearance
    word = words.indices.to_numpy().astype(np.int64)
    contribution = pc.list_flatten(table["contributions"]).to_numpy()
    known = np.zeros(len(words.dictionary), dtype=bool)
    known[word[pc.list_flatten(table["known"]).to_numpy()]] = True
    return Occurrences(
        words=tuple(words.dictionary.to_pylist()),
        known=known,
        word=word,
        review=np.repeat(np.arange(len(table)), counts),
        contribution=contribution,
        evidence=contribution * np.repeat(array_of(table, "tokens"), counts),
        scores=array_of(table, "score"),
        logits=array_of(table, "logits"),
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
