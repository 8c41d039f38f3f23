"""Contributions summed over neighbouring words: n-grams, and the strongest phrases of a review."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.explain.errors import ExplainError
from analysis.words.spans import Words, ends_sentence


@dataclass(frozen=True)
class Phrase:
    """Words `first` to `last`, both included, and the sum of their contributions.

    `text` is `review[start:stop]` with its own spacing; `length` counts the spoken words in it. Punctuation
    between them is part of the phrase and its contribution part of the sum.
    """

    text: str
    start: int
    stop: int
    first: int
    last: int
    length: int
    contribution: float


def span_sum(words: Words, values: np.ndarray, start: int, stop: int) -> float:
    """Sum the contributions (W,) of the words that lie, in part or whole, in the characters start to stop."""
    touched = [word.start < stop and word.stop > start for word in words.words]
    return float(values[np.array(touched, dtype=bool)].sum())


def ngrams(words: Words, values: np.ndarray, length: int) -> tuple[Phrase, ...]:
    """Return all phrases of `length` spoken words within one sentence, in their order; values are (W,)."""
    if length < 1:
        raise ExplainError(f"a phrase has at least one word, not {length}")
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    phrases = []
    for sentence in _sentences(words):
        for place in range(len(sentence) - length + 1):
            phrases.append(_phrase(words, sums, sentence[place], sentence[place + length - 1], length))
    return tuple(phrases)


def strongest_phrases(
    words: Words, values: np.ndarray, longest: int = 4, count: int = 10, sign: int = 0
) -> tuple[Phrase, ...]:
    """Return the strongest phrases of one to `longest` words that do not overlap, strongest first.

    A phrase counts only where its first and its last word speak for its own side, so it never grows by
    words that say nothing. `sign` 1 asks for phrases for the score, -1 for those against, 0 for both. Chosen
    greedily by the size of the sum; of equal ones the shorter, then the earlier.
    """
    candidates = [
        phrase
        for length in range(1, longest + 1)
        for phrase in ngrams(words, values, length)
        if _carried(phrase, values) and (sign == 0 or sign * phrase.contribution > 0)
    ]
    candidates.sort(key=lambda phrase: (-abs(phrase.contribution), phrase.length, phrase.first))
    covered = np.zeros(len(words), dtype=bool)
    chosen: list[Phrase] = []
    for phrase in candidates:
        if len(chosen) == count:
            break
        span = slice(phrase.first, phrase.last + 1)
        if not covered[span].any():
            covered[span] = True
            chosen.append(phrase)
    return tuple(chosen)


def _carried(phrase: Phrase, values: np.ndarray) -> bool:
    side = np.sign(phrase.contribution)
    return bool(side != 0 and np.sign(values[phrase.first]) == side and np.sign(values[phrase.last]) == side)


def _phrase(words: Words, sums: np.ndarray, first: int, last: int, length: int) -> Phrase:
    start, stop = words.words[first].start, words.words[last].stop
    return Phrase(words.text[start:stop], start, stop, first, last, length, float(sums[last + 1] - sums[first]))


def _sentences(words: Words) -> Iterator[list[int]]:
    """Yield the indices of the spoken words of each sentence."""
    sentence: list[int] = []
    for index, word in enumerate(words.words):
        if word.spoken:
            sentence.append(index)
        if ends_sentence(words, index):
            yield sentence
            sentence = []
    yield sentence
