"""One function loads the learner of any kind."""

from __future__ import annotations

from analysis.learner.images.store import ImageLearner
from analysis.learner.loaded import load_any
from analysis.learner.words.store import WordLearner
from analysis.runs import Run


def test_a_run_is_loaded_as_what_it_is(tiny_run: Run, tiny_words_run: Run):
    assert isinstance(load_any(tiny_run), ImageLearner)
    assert isinstance(load_any(tiny_words_run), WordLearner)
