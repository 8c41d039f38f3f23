"""What the command line prints, as tables and sentences."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.explain.errors import UnknownNameError
from analysis.words import tables
from analysis.words.lexicon import Lexicon, LexiconError, lexicon_agreement
from analysis.words.report import words_report
from analysis.words.tables import (
    agreement_sentence,
    chosen_target,
    compared_with_vader,
    ranked_table,
    review_summary,
    review_table,
)
from tests.analysis.words.learners import NAMES, Learner, Recurrent, bag

RANKING = pd.DataFrame(
    {
        "word": ["good", "zebra", "bad"],
        "mean": [2.0, 1.0, 0.5],
        "low": [1.0, 0.5, -0.5],
        "high": [3.0, 1.5, 1.5],
        "evidence": [20.0, 10.0, 5.0],
        "occurrences": [4, 3, 2],
        "reviews": [3, 3, 2],
        "total": [8.0, 3.0, 1.0],
        "known": True,
    }
)


def test_a_ranking_gets_the_ratings_of_people_where_there_are_any() -> None:
    table = ranked_table(RANKING, Lexicon("hand", {"good": 1.9}))
    assert list(table.columns) == [
        "word", "mean", "low", "high", "evidence", "occurrences", "reviews", "valence"
    ]  # fmt: skip
    assert table["valence"].isna().tolist() == [False, True, True]
    assert "valence" not in ranked_table(RANKING)


def test_a_reviews_words_stand_in_its_order_with_their_share() -> None:
    report = words_report(bag({"good": 3.0, "bad": -1.0}), "Bad, good zebra", NAMES, 1)
    table = review_table(report)
    assert table["word"].tolist() == ["Bad", ",", "good", "zebra"]
    assert table["contribution"].tolist() == pytest.approx([-1 / 4, 0, 3 / 4, 0])
    assert table["share"].tolist() == pytest.approx([0.25, 0, 0.75, 0])
    assert table["unknown"].tolist() == [False, False, False, True]
    assert review_table(words_report(bag({}), "good", NAMES))["share"].tolist() == [0]
    other = review_table(report, report.rows[0].maps["gradcam"].contributions)
    assert other["contribution"].tolist() != table["contribution"].tolist()


def test_the_summary_says_what_adds_up_and_what_does_not() -> None:
    report = words_report(bag({"good": 3.0}, bias=0.5), "good", NAMES, 1)
    lines = review_summary(report).splitlines()
    assert lines[0] == "Predicted: negative 2.9%, positive 97.1%"
    assert lines[1] == "Explained: positive, score +3.5000"
    assert lines[2].startswith("Words +3.0000 and bias +0.5000 make +3.5000; off the score by ")
    assert "an estimate" in review_summary(report, report.rows[0].maps["gradient"])
    assert "an estimate" in review_summary(words_report(Learner(Recurrent()), "good", NAMES))
    assert review_summary(words_report(bag({}), "", NAMES)).endswith("rests on the bias alone.")


def test_the_agreement_is_one_sentence_with_its_intervals() -> None:
    lexicon = Lexicon("hand", {"good": 1.9, "bad": -2.5})
    said = agreement_sentence(lexicon_agreement(RANKING, lexicon))
    assert said.startswith("2 of 3 ranked words are in the hand lexicon: rank correlation 1.00")
    assert "same sign 50% (9% to 91%; 50% by always saying the commoner sign), by occurrence 67%" in said
    nothing = agreement_sentence(lexicon_agreement(RANKING, Lexicon("empty", {})))
    assert nothing == "None of the 3 ranked words is in the empty lexicon."


def test_vader_is_compared_twice_or_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    lexicon, said = compared_with_vader(RANKING)
    assert lexicon is not None
    first, second = said.splitlines()
    assert first.startswith("2 of 3 ranked words")
    assert second.startswith("Of those whose interval does not contain 0: 1 of 2 ranked words")

    def missing() -> Lexicon:
        raise LexiconError("not there; pip install it")

    monkeypatch.setattr(tables, "vader", missing)
    assert compared_with_vader(RANKING) == (None, "not there; pip install it")


def test_targets_are_named() -> None:
    assert chosen_target(None, None, NAMES) is None
    assert chosen_target("positive", None, NAMES) == 1
    assert chosen_target("negative", "positive", NAMES) == (0, 1)
    with pytest.raises(
        UnknownNameError, match=r"no class 'positiv'; .*negative, positive.*Did you mean 'positive'"
    ):
        chosen_target("positiv", None, NAMES)
