"""A review's strongest words, against sums by hand."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.learner.words.tokenizer import tokenize
from analysis.words.spans import join_tokens
from analysis.words.strongest import strongest_words

TEXT = "Good film, good, but dull! The end."


def test_occurrences_are_added_up_and_punctuation_left_out():
    words = join_tokens(TEXT, tokenize(TEXT))
    values = np.array(
        [
            {"good": 0.5, "film": 0.2, "dull": -0.6, "but": -0.1, "!": 9.0}.get(word.key, 0.0)
            for word in words.words
        ]
    )
    table = strongest_words(words, values)
    assert table["word"].tolist() == ["good", "film", "but", "dull"]
    assert table["contribution"].tolist() == pytest.approx([1.0, 0.2, -0.1, -0.6])
    assert table["occurrences"].tolist() == [2, 1, 1, 1]
    assert strongest_words(words, values, 1)["word"].tolist() == ["good", "dull"]


def test_a_text_without_words_has_none():
    words = join_tokens("?!", tokenize("?!"))
    assert strongest_words(words, np.ones(len(words))).empty
    assert strongest_words(join_tokens("", ()), np.zeros(0)).empty
