"""The filters of the gallery of reviews: the controls, and taking them away."""

from __future__ import annotations

import streamlit as st

from analysis.predictions import SORTS, Browse
from dashboard import state
from dashboard.filters import FULL_RANGE, class_and_confidence, clear_filters, show_correct

REVIEW_SORTS = {**SORTS, "name": "Number of the review"}


def review_filters(class_names: tuple[str, ...]) -> Browse:
    """The row of controls above the reviews, every one of them part of the page's link."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        word = st.text_input(
            "Holds the word",
            key=state.WORD,
            bind="query-params",
            width=190,
            max_chars=200,
            help="A whole word or a phrase, upper and lower case alike.",
        )
        true, predicted, confidence = class_and_confidence(class_names)
        sort = st.selectbox(
            "Order",
            list(REVIEW_SORTS),
            format_func=REVIEW_SORTS.__getitem__,
            key=state.SORT,
            bind="query-params",
            width=190,
            help="Loss: cross-entropy of the review. Margin: gap between the two most probable classes.",
        )
        correct = show_correct()
    return Browse(true, predicted, confidence, "", sort, correct, word.strip())


def narrowed(view: Browse) -> bool:
    """Whether a filter leaves reviews out."""
    return bool(view.true or view.predicted or view.word or view.confidence != FULL_RANGE)


def clear_review_filters() -> None:
    """Put every filter back to its default, also in the link."""
    clear_filters()
    st.session_state[state.WORD] = ""


def show_pair(true: str, predicted: str) -> None:
    """Narrow the gallery to the reviews of one class that were taken for another."""
    clear_review_filters()
    st.session_state[state.TRUE_CLASS], st.session_state[state.PREDICTED_CLASS] = [true], [predicted]
