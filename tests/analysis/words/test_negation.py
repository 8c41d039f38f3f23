"""Negations, what they reach, and the words behind them with and without."""

from __future__ import annotations

import pytest

from analysis.explain.errors import ExplainError
from analysis.learner.words.batches import padded
from analysis.learner.words.tokenizer import tokenize
from analysis.words.methods.cam import cam
from analysis.words.negation import find_negations, negates, negation_view
from analysis.words.network import read
from analysis.words.spans import join_tokens
from tests.analysis.words.learners import Learner, Recurrent, bag, convolutional


def found(text: str, scope: int = 3) -> list[tuple[str, list[str]]]:
    words = join_tokens(text, tokenize(text))
    said = [word.text for word in words.words]
    return [(said[index], [said[place] for place in reached]) for index, reached in find_negations(words, scope)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is not a very good film", [("not", ["a", "very", "good"])]),
        ("It isn’t good, great plot", [("isn’t", ["good"])]),
        ("Not good. Great", [("Not", ["good"])]),
        ("never, ever", []),
        ("Why not? Good", []),
        ("no good and not bad", [("no", ["good", "and"]), ("not", ["bad"])]),
        ("not <b>good</b> film", []),
        ('not "good" film', [("not", ["good", "film"])]),
        ("nothing", []),
        ("a knot notes", []),
    ],
)
def test_a_negation_reaches_words_of_its_clause(text: str, expected: list) -> None:
    assert found(text) == expected


def test_the_scope_is_a_number_of_words() -> None:
    assert found("not a very good film", scope=1) == [("not", ["a"])]
    assert found("not a very good film", scope=9) == [("not", ["a", "very", "good", "film"])]


def test_what_negates() -> None:
    assert all(map(negates, ["not", "n't", "can't", "never", "without"]))
    assert not any(map(negates, ["knot", "net", "good", "ant"]))


def test_by_hand() -> None:
    learner = bag({"good": 4.0, "n't": -2.0, "film": 1.0, "!": 10.0})
    (one,) = negation_view(learner, "film wasn't good !", 1)
    # film was n't good !: 4 of 5 tokens known, mean over 5; without n't over 4
    assert one.text == "film was good !"
    assert one.phrase == "wasn't good"
    assert [(w.text, w.with_negation, w.without_negation) for w in one.negated] == [
        ("good", pytest.approx(4 / 5), pytest.approx(4 / 4))
    ]
    assert one.phrase_with == pytest.approx((-2 + 4) / 5)
    assert one.phrase_without == pytest.approx(4 / 4)
    assert (one.score_with, one.score_without) == (pytest.approx(13 / 5), pytest.approx(15 / 4))


def test_the_class_predicted_with_the_negation_is_explained_without_it_too() -> None:
    learner = bag({"good": 4.0, "not": -6.0})
    (one,) = negation_view(learner, "not good")
    assert (one.score_with, one.score_without) == (0, 0)  # class 0's logit; that of class 1 is -1, and then 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I can't film", "I can film"),
        ("Won’t film", "Will film"),
        ("cannot film", "can film"),
        ("it was not good", "it was good"),
        ("Not good", " good"),
        ("a film without plot", "a film plot"),
    ],
)
def test_what_is_left_without_the_negation_is_words(text: str, expected: str) -> None:
    (one,) = negation_view(Learner(convolutional()), text)
    assert one.text == expected
    assert len(one.negated) == 1


def test_contributions_are_those_of_both_texts_for_one_target() -> None:
    """Also where the negation turns the prediction: the class predicted with it is explained throughout."""
    learner = Learner(convolutional())
    text = "the film was not a good plot . it was never awful"
    views = negation_view(learner, text)
    assert [view.phrase for view in views] == ["not a good plot", "never awful"]
    target = read(learner.model, padded([learner.view(text).ids], "cpu")).target()
    for view in views:
        for said, score in ((text, view.score_with), (view.text, view.score_without)):
            encoded = learner.view(said)
            taken = read(learner.model, padded([encoded.ids], "cpu"), target)
            assert float(taken.scores()[0]) == pytest.approx(score)
            values = cam(taken, "blocks.1")[0]
            for one in view.negated:
                place = [token.text for token in encoded.tokens].index(one.text)
                expected = one.with_negation if said is text else one.without_negation
                assert float(values[place]) == pytest.approx(expected)


def test_a_hundred_thousand_words_are_not_split_again_for_each_negation() -> None:
    learner = Learner(convolutional(), longest=60)
    text = "it was not good . " * 20_000
    views = negation_view(learner, text, 1)
    assert len(views) == 12
    assert len(views[3].text) == len(text) - len(" not")
    short = negation_view(learner, "it was not good . " * 13, 1)
    for one, other in zip(views, short, strict=True):
        assert one.phrase_without == pytest.approx(other.phrase_without)
        assert one.score_without == pytest.approx(other.score_without)


def test_other_methods_and_networks_and_bounds() -> None:
    learner = Learner(Recurrent(), marks=True)
    (one,) = negation_view(learner, "Not Good", method="gradient")
    assert one.negated[0].text == "Good"
    assert len(negation_view(learner, "not good . " * 9, most=4)) == 4
    assert negation_view(learner, "") == negation_view(learner, "good film") == ()
    with pytest.raises(ExplainError, match="no exact CAM"):
        negation_view(learner, "not good", method="cam")
