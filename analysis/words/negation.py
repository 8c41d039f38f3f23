"""What a negation does to the words behind it: their contributions with it and without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.explain.targets import ClassTargets
from analysis.words.methods import choose, token_values
from analysis.words.network import TextLearner, pad, read, read_start
from analysis.words.spans import Words, ends_sentence, join_tokens
from analysis.words.whatif import Edit, edited

SCOPE = 3
"""Spoken words behind a negation that count as negated; Hutto and Gilbert (VADER, 2014) look back as far."""

NEGATIONS = frozenset({
    "not", "no", "never", "none", "nobody", "nothing", "nor", "neither", "nowhere", "cannot", "without",
    "hardly", "barely", "scarcely", "rarely", "seldom",
})  # fmt: skip
# What is left of a contraction whose n't goes is not always a word: these are.
_WITHOUT_NT = {"can't": "can", "won't": "will", "shan't": "shall", "cannot": "can"}
_CLAUSE_ENDS = ",:()[]–—"


@dataclass(frozen=True)
class NegatedWord:
    """A word behind a negation: `word` is its index; its contributions with the negation and without it."""

    word: int
    text: str
    with_negation: float
    without_negation: float


@dataclass(frozen=True)
class Negation:
    """One negation of a review and what it does.

    `word` is the index of the negating word, `removed` its characters that were taken away ("n't" of "isn't"),
    and `text` the review without it. `phrase` runs from the negation to the last word it reaches;
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
    found = []
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
            found.append((index, tuple(reached)))
    return tuple(found)


def negates(key: str) -> bool:
    """Say whether a word, in lower case, turns what follows into its opposite."""
    return key in NEGATIONS or key.endswith("n't")


def negation_view(
    learner: TextLearner,
    text: str,
    target: int | tuple[int, int] | None = None,
    method: str | None = None,
    layer: str | None = None,
    most: int = 40,
) -> tuple[Negation, ...]:
    """Explain a review as it is and without each of its negations.

    `method` is "cam", "gradcam" or "gradient", by default the exact CAM where there is one, else gradcam, and
    `layer` what `methods.choose` takes for it. `target` None means the class predicted for the review as it is,
    for all. At most the first `most` negations are looked at. Raises ExplainError where something does not fit.
    """
    words = _encoded(learner, text)[0]
    found = find_negations(words)[:most]
    if not found:
        return ()
    edits = [_removal(words, index) for index, _ in found]
    texts = [text, *(edited(text, [edit]) for edit in edits)]
    explained = _explain(learner, texts, target, method, layer)
    (_, values, score) = explained[0]
    views = []
    for (index, reached), edit, changed, (others, other_values, other_score) in zip(
        found, edits, texts[1:], explained[1:], strict=True
    ):
        places = {word.start: place for place, word in enumerate(others.words)}
        moved = len(changed) - len(text)  # all that is looked at lies behind the edit
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
    """Return the edit that takes a negation away and leaves a word where there was one."""
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
    target: int | tuple[int, int] | None,
    method: str | None,
    layer: str | None,
) -> list[tuple[Words, np.ndarray, float]]:
    """Return (words, contributions (W,), score) of each text, all for the first one's target."""
    method, layer = choose(learner.model, method, layer)
    found: list[tuple[Words, np.ndarray, float]] = []
    goal: ClassTargets = target
    for text in texts:  # one at a time: a long review with many negations stays within memory
        words, ids = _encoded(learner, text)
        reading = read(learner.model, pad([ids], learner.device), goal, [layer], method != "cam")
        if goal is None:
            goal = int(reading.targets[0])
        values = token_values(learner.model, reading, method, layer)
        tokens = values[0, : len(words.owner)].double().cpu().numpy()
        found.append((words, words.sums(tokens), float(reading.scores()[0])))
    return found


def _encoded(learner: TextLearner, text: str) -> tuple[Words, np.ndarray]:
    encoding = read_start(learner, text)
    return join_tokens(text, encoding.tokens), encoding.ids
