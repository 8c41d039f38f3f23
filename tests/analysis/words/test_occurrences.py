"""Every word of a set, with what it gives: against each review's own report."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from analysis.explain.errors import ExplainError
from analysis.progress import ProgressEvent
from analysis.words.occurrences import collect
from analysis.words.report import words_report
from tests.analysis.words.learners import NAMES, Learner, Recurrent, bag, convolutional

TEXTS = ["The film was n’t good , the plot awful .", "", "Great !", "a GOOD good zebra ."]


@pytest.mark.parametrize("method", ["cam", "gradcam", "gradient"])
def test_the_occurrences_are_those_of_the_reports(method: str) -> None:
    learner = Learner(convolutional())
    found = collect(learner, TEXTS, method=method)
    rows = list(zip(found.word, found.review, found.contribution, found.evidence, strict=True))
    place = 0
    for review, text in enumerate(TEXTS):
        report = words_report(learner, text, NAMES, (1, 0))
        assert found.scores[review] == pytest.approx(report.score)
        np.testing.assert_allclose(found.logits[review], report.logits)
        given = report.rows[0 if method == "gradient" else -1].by_method(method).contributions
        assert given is not None
        for word, value in zip(report.words.words, given.words, strict=True):
            if word.spoken:
                number, where, contribution, evidence = rows[place]
                assert (found.words[number], where) == (word.key, review)
                assert contribution == pytest.approx(value)
                assert evidence == pytest.approx(value * len(learner.view(text)))
                place += 1
    assert place == len(rows)
    assert dict(zip(found.words, found.known, strict=True))["zebra"] == np.False_
    assert found.known.sum() == len(found.words) - 1


def test_counts_fold_case_and_leave_punctuation_out() -> None:
    found = collect(bag({}), TEXTS)
    counted = Counter(found.words[number] for number in found.word)
    assert counted["good"] == 3
    assert counted["the"] == 2
    assert not set(counted) & {".", ",", "!"}
    assert len(set(found.words)) == len(found.words)


def test_evidence_does_not_depend_on_the_length_of_a_review() -> None:
    found = collect(bag({"good": 3.0}), ["good", "good film film the"], 1)
    good = found.word == found.words.index("good")
    assert found.contribution[good].tolist() == pytest.approx([3, 0.75])
    assert found.evidence[good].tolist() == pytest.approx([3, 3])


def test_one_contrast_a_review_and_none_for_two_classes() -> None:
    learner = Learner(convolutional(classes=3))
    with pytest.raises(ExplainError, match="the learner has 3 classes: say which one"):
        collect(learner, TEXTS)
    found = collect(learner, TEXTS, (np.array([0, 1, 2, 2]), np.array([1, 2, 0, 1])))
    expected = found.logits[[0, 1, 2, 3], [0, 1, 2, 2]] - found.logits[[0, 1, 2, 3], [1, 2, 0, 1]]
    np.testing.assert_allclose(found.scores, expected)
    two = collect(bag({"good": 2.0}), TEXTS)
    np.testing.assert_allclose(two.scores, two.logits[:, 1] - two.logits[:, 0])


def test_phrases_keep_to_their_sentence() -> None:
    found = collect(bag({"good": 1.0, "not": -3.0}), ["not good . good film", "Not  good"], 1, length=2)
    said = [(found.words[number], review) for number, review in zip(found.word, found.review, strict=True)]
    assert said == [("not good", 0), ("good film", 0), ("not good", 1)]
    assert found.contribution.tolist() == pytest.approx([-2 / 5, 1 / 5, -2 / 2])


def test_recurrent_networks_and_progress_and_nothing_at_all() -> None:
    events: list[ProgressEvent] = []
    found = collect(Learner(Recurrent(), marks=True), TEXTS, report=events.append)
    assert (found.method, found.layer) == ("gradcam", "rnns.1")
    assert {event.stage for event in events} == {"words"}
    assert [event.fraction for event in events] == sorted(event.fraction for event in events)
    with pytest.raises(ExplainError, match="no review"):
        collect(bag({}), [])
    assert collect(bag({}), ["", "!!"]).words == ()


def test_each_text_is_split_once() -> None:
    learner = Learner(convolutional())
    collect(learner, TEXTS * 5)
    assert learner.split == sum(map(len, TEXTS * 5))
