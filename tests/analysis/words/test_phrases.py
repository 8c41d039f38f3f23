"""Sums over spans, n-grams within sentences, and the strongest phrases, against hand counts."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.learner.words.tokenizer import tokenize
from analysis.words.phrases import ngrams, span_sum, strongest_phrases
from analysis.words.spans import Words, join_tokens


def words(text: str) -> Words:
    return join_tokens(text, tokenize(text))


SAID = words("Not a good, film! Bad  plot")  # Not a good , film ! Bad plot
VALUES = np.array([-2.0, 0.25, 4.0, 0.5, 1.0, 8.0, -3.0, -1.0])


def test_ngrams_keep_to_their_sentence_and_count_the_marks_between() -> None:
    found = ngrams(SAID, VALUES, 2)
    assert [(one.text, one.contribution) for one in found] == [
        ("Not a", -1.75),
        ("a good", 4.25),
        ("good, film", 5.5),
        ("Bad  plot", -4),
    ]
    assert [one.text for one in ngrams(SAID, VALUES, 4)] == ["Not a good, film"]
    assert ngrams(SAID, VALUES, 4)[0].contribution == pytest.approx(3.75)
    assert (found[2].first, found[2].last, found[2].length) == (2, 4, 2)
    assert SAID.text[found[3].start : found[3].stop] == "Bad  plot"
    assert ngrams(SAID, VALUES, 9) == ()
    assert ngrams(words(""), np.zeros(0), 1) == ()
    with pytest.raises(ValueError, match="at least one word"):
        ngrams(SAID, VALUES, 0)


def test_single_words_are_the_contributions_themselves() -> None:
    assert [one.contribution for one in ngrams(SAID, VALUES, 1)] == [-2, 0.25, 4, 1, -3, -1]


def test_a_span_counts_the_words_it_touches() -> None:
    text = SAID.text
    assert span_sum(SAID, VALUES, 0, len(text)) == VALUES.sum()
    assert span_sum(SAID, VALUES, text.index("good"), text.index(",")) == 4
    assert span_sum(SAID, VALUES, text.index("ood"), text.index("ilm")) == pytest.approx(4 + 0.5 + 1)
    assert span_sum(SAID, VALUES, 3, 4) == 0
    assert span_sum(words(""), np.zeros(0), 0, 5) == 0


def test_the_strongest_phrases_do_not_overlap_and_begin_and_end_on_their_own_side() -> None:
    found = strongest_phrases(SAID, VALUES, longest=3)
    assert [(one.text, one.contribution) for one in found] == [
        ("a good, film", 5.75),
        ("Bad  plot", -4),
        ("Not", -2),
    ]
    assert [one.text for one in strongest_phrases(SAID, VALUES, longest=4, sign=-1)] == ["Bad  plot", "Not"]
    assert [one.text for one in strongest_phrases(SAID, VALUES, longest=3, count=1)] == ["a good, film"]
    assert [one.text for one in strongest_phrases(SAID, VALUES, longest=1, count=2)] == ["good", "Bad"]


def test_a_phrase_does_not_grow_by_a_word_that_says_nothing() -> None:
    said = words("so good so")
    assert [one.text for one in strongest_phrases(said, np.array([0.0, 2.0, 0.0]))] == ["good"]
    assert strongest_phrases(said, np.zeros(3)) == ()
