"""The human lexicon, and where a ranking agrees with it."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.words import lexicon as module
from analysis.words.lexicon import (
    Lexicon,
    LexiconError,
    disagreements,
    lexicon_agreement,
    sure_words,
    vader,
    with_valence,
)

HUMAN = Lexicon("hand", {"good": 2.0, "bad": -3.0, "great": 3.0, "funny": 1.0, "dull": -1.0, "plain": 0.0})


def ranking(**means: float) -> pd.DataFrame:
    count = len(means)
    return pd.DataFrame(
        {
            "word": list(means),
            "mean": list(means.values()),
            "low": [value - 0.1 for value in means.values()],
            "high": [value + 0.1 for value in means.values()],
            "occurrences": np.arange(10, 10 * count + 1, 10),
            "known": [word != "unknown" for word in means],
        }
    )


def test_vaders_ratings_are_read_without_running_its_code() -> None:
    valence = vader().valence
    assert (valence["good"], valence["bad"], valence["horrible"]) == (1.9, -2.5, -2.5)
    assert valence["lol"] == 1.8  # "LOL" has a line of its own
    assert len(valence) > 7000
    assert all(-4 <= value <= 4 for value in valence.values())
    code = "import sys; from analysis.words.lexicon import vader; vader(); "
    code += "print([name for name in sys.modules if 'vader' in name])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "['vaderSentiment']"  # the package, which is empty; not its module of that name


def test_a_missing_lexicon_names_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PACKAGE", "no_such_lexicon")
    with pytest.raises(LexiconError, match="pip install no_such_lexicon"):
        vader.__wrapped__()


def test_lines_are_word_and_mean_and_lower_case_wins() -> None:
    parsed = module._parse(
        "LOL\t2.9\t0.3\t[1]\nlol\t1.8\t0.2\t[2]\nLol\t0.5\t0\t[3]\nFed up\t-1.8\t0.4\t[4]\n\nx\n"
    )
    assert parsed == {"lol": 1.8, "fed up": -1.8}


def test_only_words_that_both_rate_are_compared() -> None:
    table = ranking(good=1, zebra=5, plain=2, bad=-1)
    assert with_valence(table, HUMAN)["word"].tolist() == ["good", "bad"]  # 0 is no side
    assert with_valence(ranking(unknown=1.0), Lexicon("x", {"unknown": 1.0})).empty


def test_agreement_by_hand() -> None:
    found = lexicon_agreement(ranking(good=0.5, bad=-2, great=0.2, funny=-1, dull=-0.5, zebra=9), HUMAN)
    # occurrences 10, 20, 30, 40, 50; the sign of funny is wrong
    assert (found.words, found.ranked, found.occurrences, found.signs) == (5, 6, 150, 5)
    assert found.sign_accuracy == pytest.approx(4 / 5)
    assert found.sign_accuracy_by_occurrence == pytest.approx(110 / 150)
    assert found.chance == pytest.approx(3 / 5)
    # ranks of the learner 5 1 4 2 3, of the lexicon 4 1 5 3 2: squared differences 1 0 1 1 1
    assert found.rank_correlation == pytest.approx(1 - 6 * 4 / (5 * 24))
    low, high = stats.binomtest(4, 5).proportion_ci(method="wilson")
    assert (found.sign_low, found.sign_high) == (pytest.approx(low), pytest.approx(high))
    assert found.rank_low < found.rank_correlation < found.rank_high


def test_a_word_without_contribution_has_no_sign() -> None:
    found = lexicon_agreement(ranking(good=0.0, bad=-1.0), HUMAN)
    assert (found.words, found.signs, found.sign_accuracy) == (2, 1, 1)
    assert found.chance == 1


def test_nothing_in_common_is_nan_and_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    found = lexicon_agreement(ranking(zebra=1.0), HUMAN)
    assert found.words == 0
    assert math.isnan(found.sign_accuracy)
    assert math.isnan(found.rank_correlation)
    assert not list(recwarn)


def test_disagreements_are_sure_and_strongest_first() -> None:
    table = ranking(good=-0.2, bad=3, great=-4, funny=-0.05, dull=3.5)
    found = disagreements(table, HUMAN)
    assert found["word"].tolist() == ["great", "bad", "dull", "good"]  # funny's interval holds 0
    assert found["valence"].tolist() == [3, -3, -1, 2]
    assert disagreements(ranking(good=0.2, bad=-1), HUMAN).empty
    assert sure_words(table)["word"].tolist() == ["good", "bad", "great", "dull"]
