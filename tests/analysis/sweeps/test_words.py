"""The words of a validation set: computed, saved and read again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.learner.words.store import load_text
from analysis.sweeps.words import _spread, load_set, make_word_set, save_set
from analysis.words.occurrences import collect
from analysis.words.ranking import rank_words


def test_a_set_is_computed_saved_and_read_again(tiny_words_run, tmp_path, monkeypatch):
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    learner, table = load_text(tiny_words_run), tiny_words_run.predictions()
    assert load_set(tiny_words_run, (1, 0)) is None
    events = []
    words = make_word_set(learner, table, tiny_words_run.manifest.class_names, (1, 0), events.append)
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    by_hand = rank_words(collect(learner, table["text"].tolist(), (1, 0)), 2)
    pd.testing.assert_frame_equal(words.ranking, by_hand)
    assert set(words.areas["review"]) <= set(table["path"])
    assert len(words.curves) == 2 * 2 * 11
    for kind, first in (("deletion", 0.0), ("insertion", 1.0)):
        ends = words.curves[(words.curves["kind"] == kind) & (words.curves["fraction"] == first)]
        assert np.ptp(ends["probability"]) < 1e-6  # with all words, every order is the same
    save_set(words, tiny_words_run, (1, 0))
    save_set(words, tiny_words_run, (1, 0))
    read = load_set(tiny_words_run, (1, 0))
    for name in ("ranking", "mistakes", "areas", "curves"):
        pd.testing.assert_frame_equal(getattr(read, name), getattr(words, name), check_dtype=False)
    assert load_set(tiny_words_run, 1) is None


@pytest.mark.parametrize(("count", "most", "places"), [(5, 3, [0, 2, 4]), (2, 100, [0, 1]), (1, 3, [0])])
def test_reviews_are_spread_evenly(count, most, places):
    assert _spread(count, most) == places
