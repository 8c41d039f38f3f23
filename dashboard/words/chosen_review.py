"""The review that the Review page is about: one of the validation set, or one that the user typed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from analysis.runs import Run
from dashboard.backend.words import TYPED, words_service
from dashboard.chosen import Chooser, ChosenExample
from dashboard.example_kinds import REVIEWS


@dataclass(frozen=True)
class ChosenReview(ChosenExample):
    """A review of the run, or one that the user typed."""


class ReviewChooser(Chooser[ChosenReview]):
    """The choice of a review."""

    kind = REVIEWS
    example = ChosenReview

    def is_own(self, example: str) -> bool:
        """Return whether an id is of a review that was typed."""
        return example.startswith(TYPED)

    def describe_own(self, run: Run, example: str) -> tuple[str, np.ndarray]:
        """Return what the page calls a typed review, and its class probabilities, (C,)."""
        words_service().text(run, example)  # raises before the learner is loaded where the text is gone
        with st.spinner("Loading the learner and reading the review…"):
            return "Your review", words_service().prediction(run, example).probabilities


review_chooser = ReviewChooser()
