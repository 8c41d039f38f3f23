"""Words struck out and replaced: the text that is left, and the prediction of it."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.explain.errors import ExplainError
from analysis.learner.words.tokenizer import tokenize
from analysis.words.spans import join_tokens
from analysis.words.whatif import Edit, edited, strike_each, what_if
from tests.analysis.words.learners import Learner, bag, convolutional

TEXT = "A good, well-made film."


def strike(word: str, text: str = TEXT, replacement: str = "") -> Edit:
    start = text.index(word)
    return Edit(start, start + len(word), replacement)


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([], TEXT),
        ([strike("A")], " good, well-made film."),
        ([strike("good")], "A , well-made film."),
        ([strike("film.")], "A good, well-made"),
        ([strike("-")], "A good, well made film."),
        ([strike("film"), strike("A"), strike("good")], " , well-made ."),
        ([strike("good", replacement="bad")], "A bad, well-made film."),
        ([strike("well-made", replacement="")], "A good, film."),
        ([Edit(0, 0, "Not ")], "Not A good, well-made film."),
        ([Edit(len(TEXT), len(TEXT), " Really.")], TEXT + " Really."),
    ],
)
def test_what_is_left_of_the_text(edits: list[Edit], expected: str) -> None:
    assert edited(TEXT, edits) == expected


def test_neighbours_that_are_struck_out_together_leave_no_hole() -> None:
    text = "not a good film"
    assert edited(text, [strike("a", text), strike("good", text)]) == "not film"
    assert edited("ab", [Edit(0, 1), Edit(1, 2)]) == ""
    assert edited("a-b-c", [strike("-", "a-b-c"), strike("b", "a-b-c")]) == "a-c"
    assert edited("abc d", [Edit(1, 2)]) == "a c d"
    assert edited("a  b", [Edit(2, 2)]) == "a  b"
    assert edited("abc", [Edit(0, 1, "x"), Edit(1, 2)]) == "x c"


@pytest.mark.parametrize("edits", [[Edit(0, 3), Edit(2, 5)], [Edit(-1, 2)], [Edit(5, 999)], [Edit(4, 3)]])
def test_edits_that_overlap_or_lie_outside_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(ExplainError, match="overlaps another one, or lies outside"):
        edited(TEXT, edits)


def test_before_and_after_by_hand() -> None:
    learner = bag({"good": 4.0, "bad": -4.0}, bias=0.5)
    text = "good film"
    found = what_if(learner, text, [[], [strike("good", text)], [strike("good", text, "bad")], [Edit(0, 9)]], 1)
    assert found.before.score == pytest.approx(2.5)
    assert [one.score for one in found.after] == pytest.approx([2.5, 0.5, -1.5, 0.5])
    assert found.changes.tolist() == pytest.approx([0, -2, -4, -2])
    assert [one.text for one in found.after] == [text, " film", "bad film", ""]
    assert found.before.probabilities[1] == pytest.approx(1 / (1 + np.exp(-2.5)))


def test_all_are_scored_for_the_class_predicted_before() -> None:
    learner = bag({"good": 4.0, "bad": -4.0})
    found = what_if(learner, "good", [[Edit(0, 4, "bad")]])
    assert found.target == 1
    assert found.after[0].score == pytest.approx(-4)  # though class 0 is predicted now
    assert what_if(learner, "good", [[Edit(0, 4, "bad")]], (0, 1)).changes.tolist() == pytest.approx([8])


def test_a_variant_gets_what_it_would_get_alone() -> None:
    learner = Learner(convolutional())
    text = "the film was not good , the plot awful"
    found = what_if(learner, text, [[strike(word, text)] for word in text.split()], 1)
    for one in found.after:
        alone = what_if(learner, one.text, [], 1).before
        np.testing.assert_allclose(one.logits, alone.logits, rtol=0, atol=1e-12)


def test_a_variant_of_a_long_text_reads_no_further_than_the_learner() -> None:
    learner = Learner(convolutional(), longest=50)
    text = "the film was good " * 25_000
    found = what_if(learner, text, [[Edit(0, 4)]] * 50, 1)
    assert learner.split == 51 * 20_000
    short = what_if(learner, text[:300], [[Edit(0, 4)]], 1)
    assert found.changes.tolist() == pytest.approx([short.changes[0]] * 50)


def test_striking_each_word_out_shows_what_it_gave() -> None:
    learner = bag({"good": 4.0, "bad": -4.0})
    words = join_tokens("good bad film", tokenize("good bad film"))
    # the mean over what is left: -4/2, 4/2, 0/2 instead of 0/3
    assert strike_each(learner, words, 1).tolist() == pytest.approx([2, -2, 0])
    found = strike_each(learner, words, 1, which=[1])
    assert found[1] == pytest.approx(-2)
    assert np.isnan(found[[0, 2]]).all()
    assert strike_each(learner, join_tokens("", ()), 1).shape == (0,)
