"""What the pages may ask the learners of words.

As `images` is for pictures: a lock and one resident copy for each learner (see `residents`), and what was
computed is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import streamlit as st

from analysis.home import home
from analysis.learner.words.examples import text_recipe
from analysis.runs import Run
from dashboard.backend.caches import predictions
from dashboard.backend.gone import ReviewGone
from dashboard.backend.made_once import MadeOnce
from dashboard.backend.residents import Resident, Residents, residents

if TYPE_CHECKING:
    from analysis.learner.words.store import WordLearner
    from analysis.words import Edit, Negation, Predicted, WhatIf, WordsReport

TYPED = "typed:"  # review ids that start so were typed in by a user, named by their sha256
Target = int | tuple[int, int]
T = TypeVar("T")


class WordsService:
    """What the pages may ask of learners of words. One per process; safe from any thread."""

    def __init__(self, learners: Residents | None = None) -> None:
        """Take the learners in memory; none are there yet unless they are given."""
        self._residents = Residents() if learners is None else learners
        self._typed = MadeOnce(limit=32)
        self._results = MadeOnce(limit=96)  # made by threads that hold the learner

    def keep_typed(self, text: str) -> str:
        """Keep a review that a user typed; returns its id. It stays in memory until 32 others were typed."""
        name = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        self._typed.keep(name, text)
        return TYPED + name

    def text(self, run: Run, review: str) -> str:
        """Return the text of a review by its id; raises ReviewGone where there is none."""
        if review.startswith(TYPED):
            kept = self._typed.get(review.removeprefix(TYPED))
            if kept is None:
                raise ReviewGone("This review was typed in earlier and is not kept any more. Type it in again.")
            return kept
        row = predictions(run).row(review)
        if row is None:
            raise ReviewGone(f"There is no review “{review[:80]}” in this learner's validation set.")
        return row["text"]

    def prediction(self, run: Run, review: str) -> Predicted:
        """Return what the learner predicts for a review as it stands."""
        return self.what_if(run, review, (), None).before

    def report(self, run: Run, review: str, target: Target) -> WordsReport:
        """Return the contributions of a review's words by every method at every layer."""

        def compute(resident: Resident[WordLearner]) -> WordsReport:
            from analysis.words import words_report

            names = tuple(run.manifest.class_names)
            return words_report(resident.loaded, self.text(run, review), names, target, resident.probes)

        return self._result(run, ("report", review, target), compute)

    def what_if(self, run: Run, review: str, edits: tuple[Edit, ...], target: Target | None) -> WhatIf:
        """Return the prediction before and after some edits of a review."""

        def compute(resident: Resident[WordLearner]) -> WhatIf:
            from analysis.words import what_if

            return what_if(resident.loaded, self.text(run, review), [edits] if edits else [], target)

        return self._result(run, ("what if", review, edits, target), compute)

    def strikes(self, run: Run, review: str, target: Target, which: tuple[int, ...]) -> np.ndarray:
        """Return (W,): how far the score falls without each word of `which` alone, nan for the others."""

        def compute(resident: Resident[WordLearner]) -> np.ndarray:
            from analysis.words import strike_each

            words = self.report(run, review, target).words
            return strike_each(resident.loaded, words, target, which)

        return self._result(run, ("strikes", review, target, which), compute)

    def negations(self, run: Run, review: str, target: Target) -> tuple[Negation, ...]:
        """Return what each negation of a review does to the words after it."""

        def compute(resident: Resident[WordLearner]) -> tuple[Negation, ...]:
            from analysis.words import negation_view

            return negation_view(resident.loaded, self.text(run, review), target)

        return self._result(run, ("negations", review, target), compute)

    def _result(self, run: Run, key: object, compute: Callable[[Resident[WordLearner]], T]) -> T:
        """Return a kept result of the run's learner; raises RunError for a run of another kind."""
        text_recipe(run)
        return self._residents.result(self._results, run, key, compute)


@st.cache_resource(show_spinner=False)
def _service_for(home_folder: str) -> WordsService:
    return WordsService(residents())


def words_service() -> WordsService:
    """Return the process's service for words (one for each `CAMLENS_HOME`: tests do not share it)."""
    return _service_for(str(home()))
