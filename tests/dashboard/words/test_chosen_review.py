"""The choice of a review: which ids are typed ones, and how a typed one is described."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.backend.gone import ReviewGone
from dashboard.backend.words import words_service
from dashboard.words.chosen_review import review_chooser


def test_only_a_typed_review_is_the_user_s_own(tiny_words_run):
    assert review_chooser.is_own("typed:0f")
    assert not review_chooser.is_own(tiny_words_run.predictions().path.iloc[0])


def test_a_typed_review_is_described_by_the_learner(home, tiny_words_run):
    review = words_service().keep_typed("a wonderful film")
    name, probabilities = review_chooser.describe_own(tiny_words_run, review)
    assert name == "Your review"
    np.testing.assert_array_equal(probabilities, words_service().prediction(tiny_words_run, review).probabilities)


def test_a_typed_review_that_is_gone_is_refused_before_a_learner_is_loaded(home, tiny_words_run, monkeypatch):
    monkeypatch.setattr(type(words_service()), "prediction", lambda *_: pytest.fail("a learner was loaded"))
    with pytest.raises(ReviewGone, match="Type it in again"):
        review_chooser.describe_own(tiny_words_run, "typed:00")
