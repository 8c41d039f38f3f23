"""What a negation does to the words after it: their contributions with it and without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.explain.engine.targets import Target
from analysis.words.network import TextLearner, read_start
from analysis.words.spans import Words, ends_sentence, join_tokens
from analysis.words.token_values import choose, token_values
from analysis.words.whatif import Edit, edited

SCOPE = 3
"""Spoken words after a negation that count as negated; Hutto and Gilbert (VADER, 2014) look back as far."""

NEGATIONS = frozenset({
    "not", "no", "never", "none", "nobody", "nothing", "nor", "neither", "nowhere", "cannot", "without",
    "hardly", "barely", "scarcely", "rarely", "seldom",
})  # fmt: skip
# What remains of a contraction without its n't is not always a word; for these it is replaced.
_WITHOUT_NT = {"can't": "can", "won't": "will", "shan't": "shall", "cannot": "can"}
_CLAUSE_ENDS = ",:()[]–—"


@dataclass(frozen=True)
class NegatedWord:
    """A word after a negation: `word` is its index; its contributions with the negation and without it."""

    word: int
    text: str
    with_negation: float
    without_negation: float


@dataclass(frozen=True)
class Negation:
    """One negation of a review and what it does.

    `word` is the index of the negating word, `removed` the edit that removes it ("n't" of "isn't"), and
    `text` the review without it. `phrase` runs from the negation to the last word it reaches;
    `phrase_with` and `phrase_without` are its contributions' sums. The scores are those of the whole review.
    """

    word: int
    removed: Edit
    text: str
    phrase: str
    phrase_with: float
    phrase_without: float
    negated: tuple[NegatedWord, ...]
    score_with: float
    score_without: float


def find_negations(words: Words, scope: int = SCOPE) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Return (index of a negating word, indices of the spoken words it reaches) in the order of the text.

    A negation reaches up to `scope` spoken words ahead, not beyond its clause nor the next negation. One that
    reaches no word ("Why not?") is left out.
    """
    negations = []
    for index, word in enumerate(words.words):
        if not negates(word.key):
            continue
        reached: list[int] = []
        for place in range(index, len(words)):
            other = words.words[place]
            if place > index:
                if negates(other.key) or (not other.spoken and any(c in _CLAUSE_ENDS for c in other.text)):
                    break
                if other.spoken:
                    reached.append(place)
            if len(reached) == scope or ends_sentence(words, place):
                break
        if reached:
            negations.append((index, tuple(reached)))
    return tuple(negations)


def negates(key: str) -> bool:
    """Return whether a word, in lower case, turns what follows into its opposite."""
    return key in NEGATIONS or key.endswith("n't")


def negation_view(
    learner: TextLearner,
    text: str,
    target: Target | None = None,
    method: str | None = None,
    layer: str | None = None,
    most: int = 40,
) -> tuple[Negation, ...]:
    """Explain a review as it is and without each of its negations.

    `method` and `layer` are what `token_values.choose` allows, the best ones by default. `target` None means the
    class predicted for the review as it is, for all. Only the first `most` negations are looked at. Raises
    ExplainError where the target, the method or the layer does not fit.
    """
    words = _encoded(learner, text)[0]
    negations = find_negations(words)[:most]
    if not negations:
        return ()
    edits = [_removal(words, index) for index, _ in negations]
    texts = [text, *(edited(text, [edit]) for edit in edits)]
    explained = _explain(learner, texts, target, method, layer)
    (_, values, score) = explained[0]
    views = []
    for (index, reached), edit, changed, (others, other_values, other_score) in zip(
        negations, edits, texts[1:], explained[1:], strict=True
    ):
        places = {word.start: place for place, word in enumerate(others.words)}
        moved = len(changed) - len(text)  # every word that is looked at stands after the edit
        negated = []
        for place in reached:
            there = places.get(words.words[place].start + moved)
            if there is not None:
                one = words.words[place].text
                negated.append(NegatedWord(place, one, float(values[place]), float(other_values[there])))
        last = words.words[reached[-1]].stop
        without = [
            other_values[place]
            for place, word in enumerate(others.words)
            if words.words[index].start <= word.start < last + moved
        ]
        views.append(
            Negation(
                word=index,
                removed=edit,
                text=changed,
                phrase=text[words.words[index].start : last],
                phrase_with=float(values[index : reached[-1] + 1].sum()),
                phrase_without=float(np.sum(without)),
                negated=tuple(negated),
                score_with=score,
                score_without=other_score,
            )
        )
    return tuple(views)


def _removal(words: Words, index: int) -> Edit:
    """Return the edit that removes a negation and leaves a word where there was one."""
    word = words.words[index]
    if word.key in _WITHOUT_NT:
        kept = _WITHOUT_NT[word.key]
        return Edit(word.start, word.stop, kept.capitalize() if word.text[0].isupper() else kept)
    if word.key.endswith("n't") and len(word.text) > 3:
        return Edit(word.stop - 3, word.stop)
    return Edit(word.start, word.stop)


def _explain(
    learner: TextLearner,
    texts: Sequence[str],
    target: Target | None,
    method: str | None,
    layer: str | None,
) -> list[tuple[Words, np.ndarray, float]]:
    """Return (words, contributions (W,), score) of each text, all for the first one's target."""
    chosen, layer = choose(learner.model, method, layer)
    explained: list[tuple[Words, np.ndarray, float]] = []
    for text in texts:  # one at a time: a long review with many negations stays within memory
        words, ids = _encoded(learner, text)
        reading, (tokens,) = token_values(learner, [ids], target, chosen, layer)
        if target is None:
            target = reading.target()
        explained.append((words, words.sums(tokens), float(reading.scores()[0])))
    return explained


def _encoded(learner: TextLearner, text: str) -> tuple[Words, np.ndarray]:
    encoding = read_start(learner, text)
    return join_tokens(text, encoding.tokens), encoding.ids
