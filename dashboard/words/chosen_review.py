"""The review that the Review page is about, and the way to the next one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from analysis.predictions import Browse
from analysis.runs import Run
from dashboard import state
from dashboard.backend.caches import predictions
from dashboard.backend.words import TYPED, words_service
from dashboard.pages import page_file


@dataclass(frozen=True)
class ChosenReview:
    """A review of the run, or one the user typed (`label` is None then).

    `predicted` and `label` are indices into the run's class names, `runner_up` is the second most probable
    class; `probabilities` is (C,).
    """

    id: str
    text: str
    label: int | None
    predicted: int
    runner_up: int
    probabilities: np.ndarray

    @property
    def name(self) -> str:
        """How the page calls it."""
        return "Your review" if self.id.startswith(TYPED) else self.id


def chosen_review(run: Run) -> ChosenReview | None:
    """The review the link names, else the last one looked at, else the run's first mistake.

    None when there is nothing to show: the link's review is unknown, or the learner made no mistake.
    """
    table = predictions(run)
    asked = st.query_params.get(state.REVIEW)
    review = asked or st.session_state.get(state.CURRENT_REVIEW)
    known = review is not None and (review.startswith(TYPED) or review in table)
    if asked and not known:
        st.error(
            f"The link names the review “{asked[:80]}”, which is not in this learner's validation set.",
            title="No such review",
        )
        st.page_link(page_file("reviews"), label="Choose one among the reviews", icon=":material/forum:")
        return None
    if not known:
        # the gallery's filters may leave nothing over
        first = table.page(_view(run), 0, 1) or table.page(Browse(), 0, 1)
        if not first:
            st.info("There is no mistake to look at. Choose any review in the gallery, or type one in.")
            st.page_link(page_file("reviews"), label="To the gallery", icon=":material/forum:")
            return None
        review = first[0]["path"]
    if st.query_params.get(state.REVIEW) != review:
        st.query_params[state.REVIEW] = review
    view = _view(run).to_text()
    if view:
        st.query_params[state.LIST] = view
    else:
        st.query_params.pop(state.LIST, None)
    st.session_state[state.CURRENT_REVIEW] = review
    return _described(run, review)


def review_steps(run: Run, review: ChosenReview) -> None:
    """Back and forth through the gallery's list, with the arrow keys too."""
    table, view = predictions(run), _view(run)
    place = table.neighbours(view, review.id)
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            shortcut="Left",
            disabled=place.before is None,
            on_click=go_to,
            args=(place.before,),
            key="previous_review",
        )
        at = place.position
        where = "not in the list" if at is None else f"{at + 1:,} of {table.count(view):,}"
        st.markdown(where, help="Place in the gallery's list, as it is filtered and ordered there.")
        st.button(
            "Next",
            icon=":material/chevron_right:",
            shortcut="Right",
            disabled=place.after is None,
            on_click=go_to,
            args=(place.after,),
            key="next_review",
        )


def go_to(review: str) -> None:
    """Make a review the page's."""
    st.query_params[state.REVIEW] = review
    st.session_state[state.CURRENT_REVIEW] = review


def _view(run: Run) -> Browse:
    """The gallery's view that the review was opened from: this session's, else the link's."""
    if state.REVIEWS_VIEW not in st.session_state:
        text = st.query_params.get(state.LIST, "")
        st.session_state[state.REVIEWS_VIEW] = Browse.from_text(text, run.manifest.class_names)
    return st.session_state[state.REVIEWS_VIEW]


def _described(run: Run, review: str) -> ChosenReview:
    text = words_service().text(run, review)
    label = None
    if review.startswith(TYPED):
        with st.spinner("Loading the learner and reading the review…"):
            probabilities = words_service().prediction(run, review).probabilities
    else:
        table = predictions(run)
        row, probabilities = table.row(review), table.probabilities(review)
        assert row is not None  # asked for above
        label = run.manifest.class_names.index(row["label"])
    order = np.argsort(-probabilities, kind="stable")
    return ChosenReview(review, text, label, int(order[0]), int(order[1]), probabilities)
