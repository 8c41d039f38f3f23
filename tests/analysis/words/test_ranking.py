"""Rankings and mistakes, against counts by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.explain.errors import ExplainError
from analysis.words.occurrences import collect
from analysis.words.ranking import rank_words, words_of_mistakes
from tests.analysis.words.learners import Learner, bag, convolutional

TEXTS = ["good good film", "good the", "bad film the the", "film"]


def ranking(min_reviews: int = 2) -> pd.DataFrame:
    return rank_words(collect(bag({"good": 3.0, "bad": -8.0, "film": -0.5}), TEXTS, 1), min_reviews).set_index(
        "word"
    )


def test_means_counts_and_order_by_hand() -> None:
    table = ranking()
    assert table.index.tolist() == ["good", "film", "the"]  # bad stands in one review only
    good = table.loc["good"]
    assert good["mean"] == pytest.approx((1 + 1 + 1.5) / 3)
    assert (good["occurrences"], good["reviews"]) == (3, 2)
    assert good["evidence"] == pytest.approx(3)
    assert good["total"] == pytest.approx(3.5)
    assert table.loc["film", "mean"] == pytest.approx(-(1 / 6 + 1 / 8 + 1 / 2) / 3)
    assert table.loc["the", "mean"] == 0
    assert table["known"].all()


def test_the_interval_takes_the_review_as_its_unit() -> None:
    good = ranking().loc["good"]
    mean = 3.5 / 3
    residuals = np.array([2 - 2 * mean, 1.5 - mean])  # each review's sum less its count times the mean
    half = stats.t.ppf(0.975, 1) * np.sqrt(2 / 1 * (residuals**2).sum()) / 3
    assert [good["low"], good["high"]] == pytest.approx([mean - half, mean + half])


def test_rare_words_are_left_out_and_two_reviews_are_the_least() -> None:
    assert ranking(3).index.tolist() == ["film"]
    assert ranking(9).empty
    with pytest.raises(ExplainError, match="at least 2 reviews"):
        ranking(1)
    assert rank_words(collect(bag({}), [""]), 2).empty


def test_equal_words_stand_in_alphabetical_order() -> None:
    table = rank_words(collect(bag({}), ["the film good", "film good the"]), 2)
    assert table["word"].tolist() == ["film", "good", "the"]


def test_words_of_mistakes_by_hand() -> None:
    learner = bag({"good": 3.0, "bad": -8.0, "film": 0.5}, bias=0.0)
    texts = ["good film", "good the", "bad good", "good good film film", "bad"]
    labels = [0, 0, 1, 1, 0]
    predicted = [1, 1, 0, 1, 0]  # the first three are wrong
    table = words_of_mistakes(learner, texts, labels, predicted, min_mistakes=1).set_index("word")
    # towards the class that was predicted: good pushes 1.5 and 1.5, and in the third, read as 0, -1.5
    assert table.loc["good", "push"] == pytest.approx(1.5 + 1.5 - 1.5)
    assert table.loc["good", "mean"] == pytest.approx(0.5)
    assert table.loc["bad", "push"] == pytest.approx(4)
    assert table.loc["film", "push"] == pytest.approx(0.25)
    assert table.index.tolist() == ["bad", "good", "film", "the"]
    assert table["mistakes"].to_dict() == {"bad": 1, "good": 3, "film": 1, "the": 1}
    half = stats.t.ppf(0.975, 2) * np.std([1.5, 1.5, -1.5], ddof=1) / np.sqrt(3)
    assert table.loc["good", ["low", "high"]].tolist() == pytest.approx([0.5 - half, 0.5 + half])
    assert np.isnan(table.loc["bad", "low"])
    # margins: 1.75, 1.5, 2.5; good gives 1.5 of 1.75, 1.5 of 1.5; bad 4 of 2.5
    assert table["decisive"].to_dict() == {"bad": 1, "good": 1, "film": 0, "the": 0}
    assert words_of_mistakes(learner, texts, labels, predicted)["word"].tolist() == ["good"]


def test_a_word_that_occurs_twice_in_a_mistake_counts_as_one_mistake() -> None:
    table = words_of_mistakes(bag({"good": 3.0}), ["good good film"], [0], [1], min_mistakes=1).set_index("word")
    assert table.loc["good", ["push", "mistakes", "occurrences", "decisive"]].tolist() == pytest.approx(
        [2, 1, 2, 1]
    )


def test_without_mistakes_there_is_nothing_to_rank() -> None:
    table = words_of_mistakes(bag({}), ["good"], [1], [1])
    assert table.empty
    assert list(table.columns) == [
        "word", "push", "mean", "low", "high", "mistakes", "decisive", "occurrences"
    ]  # fmt: skip


def test_the_push_of_all_words_and_marks_is_the_margin_of_the_mistake() -> None:
    learner = Learner(convolutional(classes=3))
    table = words_of_mistakes(learner, ["good film the"], [0], [2], min_mistakes=1)
    found = collect(learner, ["good film the"], (2, 0))
    bias = (learner.model.head.bias[2] - learner.model.head.bias[0]).item()
    assert table["push"].sum() + bias == pytest.approx(found.scores[0])
