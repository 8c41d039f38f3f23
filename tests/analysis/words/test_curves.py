"""Deletion and insertion, against counts by hand, and random order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis.explain.errors import ExplainError
from analysis.words import curves
from analysis.words.curves import _counts, area, curve_areas, curve_summary, word_curves
from analysis.words.intervals import mean_interval
from analysis.words.whatif import what_if
from tests.analysis.words.learners import Learner, Recurrent, bag, convolutional

TEXTS = ["the film was not good , the plot awful", "", "great !", "a good good plot .", "bad"]


def sigmoid(value: float) -> float:
    return 1 / (1 + np.exp(-value))


def test_by_hand() -> None:
    learner = bag({"good": 4.0, "bad": -2.0, "film": 1.0}, bias=0.5)
    (one,) = word_curves(learner, ["bad film good"], 1, draws=0)
    assert one is not None
    # good goes first (4), then film (1), then bad (-2); the logit is the mean of what is left, + 0.5
    deleted = [3 / 3, -1 / 2, -2, 0]
    inserted = [0, 4, 5 / 2, 3 / 3]
    assert one.fractions.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert one.deletion.tolist() == pytest.approx([sigmoid(value + 0.5) for value in deleted])
    assert one.insertion.tolist() == pytest.approx([sigmoid(value + 0.5) for value in inserted])
    ends = (one.deletion[0] + one.deletion[-1]) / 2
    assert one.deletion_area == pytest.approx((ends + one.deletion[1] + one.deletion[2]) / 3)
    assert one.insertion_area > one.deletion_area


def test_area_is_the_trapezium_rule() -> None:
    assert area(np.array([0, 0.25, 1]), np.array([[1, 0, 0], [1, 1, 1]])).tolist() == [0.125, 1]


def test_curves_begin_and_end_with_the_whole_and_the_empty_review() -> None:
    learner = Learner(convolutional())
    for one in word_curves(learner, TEXTS, draws=3):
        if one is None:
            continue
        np.testing.assert_allclose(one.deletion[[0, -1]], one.insertion[[-1, 0]])
        for several in (one.random_deletion, one.random_insertion):
            assert several.shape == (3, len(one.fractions))
        np.testing.assert_allclose(one.random_deletion[:, 0], one.deletion[0])
        np.testing.assert_allclose(one.random_insertion[:, -1], one.deletion[0])
        np.testing.assert_array_equal(one.random_insertion, one.random_deletion[:, ::-1])
        np.testing.assert_allclose(one.fractions, 1 - one.fractions[::-1], atol=1e-12)


def test_reviews_of_fewer_than_two_words_have_none() -> None:
    found = word_curves(Learner(convolutional()), TEXTS, draws=1)
    assert [one is None for one in found] == [False, True, False, False, True]
    assert [len(one.fractions) for one in found if one is not None] == [10, 3, 6]  # 9, 2 and 5 words
    assert word_curves(Learner(convolutional()), ["", "bad"], draws=1) == [None, None]
    assert word_curves(Learner(convolutional()), []) == []


def test_steps_bound_the_points() -> None:
    (one,) = word_curves(bag({"good": 1.0}), ["good film " * 20], steps=4, draws=2)
    assert one is not None
    assert one.fractions.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert _counts(40, 10).tolist() == list(range(0, 41, 4))
    assert _counts(5, 2).tolist() == [0, 5]  # no two halves of five words
    assert _counts(3, 10).tolist() == [0, 1, 2, 3]
    assert all((_counts(n, 10) == n - _counts(n, 10)[::-1]).all() for n in range(2, 300))
    assert all(len(_counts(n, 10)) >= 10 for n in range(10, 300))
    with pytest.raises(ExplainError, match="steps is 0 and draws is 10; give at least 1 step"):
        word_curves(bag({}), TEXTS, steps=0)


def test_random_orders_are_the_seeds_and_not_a_batchs() -> None:
    learner = Learner(convolutional())
    one, again, other = (word_curves(learner, TEXTS, draws=4, seed=seed)[0] for seed in (1, 1, 2))
    assert one is not None
    assert again is not None
    assert other is not None
    np.testing.assert_array_equal(one.random_deletion, again.random_deletion)
    assert (one.random_deletion != other.random_deletion).any()
    assert len({tuple(row) for row in one.random_deletion.round(12).tolist()}) > 1
    twice = word_curves(learner, TEXTS[:1] * 2, draws=4, seed=1)
    assert twice[0] is not None
    assert twice[1] is not None
    assert (twice[0].random_deletion != twice[1].random_deletion).any()
    alone = word_curves(learner, TEXTS[:1], draws=4, seed=1)[0]
    assert alone is not None
    np.testing.assert_allclose(alone.random_insertion, one.random_insertion)


def test_reviews_share_batches_and_no_batch_changes_a_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    learner, events = Learner(convolutional()), []
    together = word_curves(learner, TEXTS * 2, draws=2, report=events.append)
    assert [event.fraction for event in events] == [0, 1]
    monkeypatch.setattr(curves, "_RUN_AT_ONCE", 60)  # four reviews have 4 curves of 10, 0, 3 and 6 points
    events.clear()
    apart = word_curves(learner, TEXTS * 2, draws=2, report=events.append)
    assert [event.fraction for event in events] == [0, 0.4, 0.9, 1]
    for one, other in zip(together, apart, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            for name, values in vars(one).items():
                np.testing.assert_allclose(getattr(other, name), values, atol=1e-6)


def test_a_contrast_is_between_its_two_classes_alone() -> None:
    learner = Learner(convolutional(classes=3))
    (one,) = word_curves(learner, ["good film"], (2, 0), draws=0)
    assert one is not None
    logits = what_if(learner, "good film", [], 0).before.logits
    assert one.deletion[0] == pytest.approx(sigmoid(logits[2] - logits[0]))
    (plain,) = word_curves(learner, ["good film"], 2, draws=0)
    assert plain is not None
    assert plain.deletion[0] == pytest.approx(np.exp(logits[2]) / np.exp(logits).sum())


def test_all_tokens_of_a_word_go_and_the_mark_of_the_beginning_stays() -> None:
    learner = Learner(Recurrent(), marks=True)
    (one,) = word_curves(learner, ["Good was n't"], 1, draws=1)
    assert one is not None
    logits = learner.model(torch.tensor([[2]])).detach()[0]  # the mark of the beginning
    assert one.deletion[-1] == pytest.approx(float(logits.softmax(0)[1]))


def test_gains_over_random_order_are_positive_where_the_contributions_are_true() -> None:
    learner = bag({"good": 4.0, "great": 3.0, "bad": -4.0, "awful": -2.0})
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["good", "great", "bad", "awful", "film", "the"], 12)) for _ in range(30)]
    areas = curve_areas(word_curves(learner, texts, 1, draws=5))
    summary = curve_summary(areas).set_index("area")
    assert summary.loc["deletion_gain", "low"] > 0
    assert summary.loc["insertion_gain", "low"] > 0
    assert summary.loc["deletion_gain", "share_better"] > 0.9
    assert summary.loc["deletion", "reviews"] == 30
    mean, low, high = mean_interval(areas["insertion"].to_numpy())
    assert summary.loc["insertion", ["mean", "low", "high"]].tolist() == pytest.approx([mean, low, high])
    np.testing.assert_allclose(areas["deletion_gain"], areas["random_deletion"] - areas["deletion"])
    np.testing.assert_allclose(areas["insertion_gain"], areas["insertion"] - areas["random_insertion"])
    assert curve_summary(curve_areas([None]))["reviews"].tolist() == [0] * 6
