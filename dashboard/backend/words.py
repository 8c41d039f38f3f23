"""The one door to the learners of words: whoever wants a prediction or contributions asks here.

As `images` is for pictures: a lock and one resident copy for each learner (see `residents`), and what was
computed is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from analysis.errors import CamLensError
from analysis.home import home
from analysis.runs import Run
from dashboard.backend.caches import MadeOnce, predictions
from dashboard.backend.gone import ReviewGone
from dashboard.backend.residents import Residents
from dashboard.backend.threads import leave_at_exit

if TYPE_CHECKING:
    from analysis.explain.probe import Probe
    from analysis.learner.words.store import WordLearner
    from analysis.words import Edit, Negation, Predicted, WhatIf, WordsReport

# Read when torch is loaded: OpenMP's waiting threads would spin and slow down whatever runs beside the model.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

TYPED = "typed:"  # review ids that start so were typed in by a user, named by their sha256
Target = int | tuple[int, int]


@dataclass(frozen=True)
class ResidentText:
    """A learner in memory, with the linear probes that belong to it."""

    loaded: WordLearner
    probes: dict[str, Probe]


class WordsService:
    """What the pages may ask of learners of words. One per process; safe from any thread."""

    def __init__(self) -> None:
        self._residents = Residents(_load)
        self._typed = MadeOnce(limit=32)
        self._results = MadeOnce(limit=96)  # made by threads that hold the learner

    def warm(self, run: Run) -> None:
        """Load the run's learner in the background, so that the first review opens at once."""

        def load() -> None:
            # What fails here is said on the page that needs the learner, where the user can act on it.
            with contextlib.suppress(CamLensError):
                leave_at_exit()
                self._residents.get(run)

        self._residents.warm(run, load)

    # --- reviews ----------------------------------------------------------------------------------

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

    # --- what the learner says --------------------------------------------------------------------

    def prediction(self, run: Run, review: str) -> Predicted:
        """What the learner says of a review as it stands."""
        return self.what_if(run, review, (), None).before

    def report(self, run: Run, review: str, target: Target) -> WordsReport:
        """The contributions of a review's words by every method at every layer."""

        def compute(resident: ResidentText) -> WordsReport:
            from analysis.words import words_report

            names = tuple(run.manifest.class_names)
            return words_report(resident.loaded, self.text(run, review), names, target, resident.probes)

        return self._residents.result(self._results, run, ("report", review, target), compute)

    def what_if(self, run: Run, review: str, edits: tuple[Edit, ...], target: Target | None) -> WhatIf:
        """The prediction before and after some edits of a review."""

        def compute(resident: ResidentText) -> WhatIf:
            from analysis.words import what_if

            return what_if(resident.loaded, self.text(run, review), [edits] if edits else [], target)

        return self._residents.result(self._results, run, ("what if", review, edits, target), compute)

    def strikes(self, run: Run, review: str, target: Target, which: tuple[int, ...]) -> np.ndarray:
        """(W,): how far the score falls when each of the words `which` is struck out alone, nan for the others."""

        def compute(resident: ResidentText) -> np.ndarray:
            from analysis.words import strike_each

            words = self.report(run, review, target).words
            return strike_each(resident.loaded, words, target, which)

        return self._residents.result(self._results, run, ("strikes", review, target, which), compute)

    def negations(self, run: Run, review: str, target: Target) -> tuple[Negation, ...]:
        """What each negation of a review does to the words after it."""

        def compute(resident: ResidentText) -> tuple[Negation, ...]:
            from analysis.words import negation_view

            return negation_view(resident.loaded, self.text(run, review), target)

        return self._residents.result(self._results, run, ("negations", review, target), compute)


def _load(run: Run) -> ResidentText:
    from analysis.learner.probes.files import probes_of
    from analysis.learner.words.store import load_text

    return ResidentText(load_text(run), probes_of(run))


@st.cache_resource(show_spinner=False)
def _service_for(home_folder: str) -> WordsService:
    return WordsService()


def words_service() -> WordsService:
    """The process's service for words (one per `CAMLENS_HOME`, so that tests don't meet each other's)."""
    return _service_for(str(home()))
