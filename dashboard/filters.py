"""The filters of a gallery: the controls, and setting them from elsewhere."""

from __future__ import annotations

import streamlit as st

from analysis.predictions import Browse
from dashboard import state
from dashboard.example_kinds import ExampleKind

FULL_RANGE = (0.0, 1.0)
FILTERS = (
    state.TRUE_CLASS,
    state.PREDICTED_CLASS,
    state.CONFIDENCE,
    state.FILE_NAME,
    state.WORD,
    state.SHOW_CORRECT,
)


def filters(kind: ExampleKind, class_names: tuple[str, ...]) -> Browse:
    """Draw the row of controls above a gallery, every one of them part of the page's link."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        true = st.multiselect(
            "True class", class_names, key=state.TRUE_CLASS, bind="query-params", placeholder="Any", width=190
        )
        predicted = st.multiselect(
            "Predicted class",
            class_names,
            key=state.PREDICTED_CLASS,
            bind="query-params",
            placeholder="Any",
            width=190,
        )
        low, high = st.slider(
            "Confidence",
            0.0,
            1.0,
            FULL_RANGE,
            0.01,
            key=state.CONFIDENCE,
            bind="query-params",
            width=210,
            help="The probability of the predicted class, after the softmax.",
        )
        text = st.text_input(
            kind.search_label,
            key=kind.search,
            bind="query-params",
            width=180,
            max_chars=200,
            help=kind.search_help,
        ).strip()
        sort = st.selectbox(
            "Order",
            list(kind.sorts),
            format_func=kind.sorts.__getitem__,
            key=state.SORT,
            bind="query-params",
            width=190,
            help=f"Loss: cross-entropy of the {kind.noun}. Margin: gap between the two most probable classes.",
        )
        correct = st.toggle(
            "Show correct ones too",
            key=state.SHOW_CORRECT,
            bind="query-params",
            help="The gallery then shows the whole validation set, not only the mistakes.",
        )
    return Browse(
        true=tuple(true),
        predicted=tuple(predicted),
        confidence=(min(low, high), max(low, high)),
        name=text if kind.search == "name" else "",
        sort=sort,
        correct=correct,
        word=text if kind.search == "word" else "",
    )


def is_narrowed(view: Browse) -> bool:
    """Return whether a filter leaves examples out."""
    return bool(view.true or view.predicted or view.name or view.word or view.confidence != FULL_RANGE)


def clear_filters() -> None:
    """Put every filter back to its default, also in the link."""
    st.session_state[state.TRUE_CLASS] = []
    st.session_state[state.PREDICTED_CLASS] = []
    st.session_state[state.CONFIDENCE] = FULL_RANGE
    st.session_state[state.FILE_NAME] = ""
    st.session_state[state.WORD] = ""
    st.session_state[state.SHOW_CORRECT] = False


def show_pair(true: str, predicted: str) -> None:
    """Narrow the gallery to the examples of one class that were predicted as another."""
    clear_filters()
    st.session_state[state.TRUE_CLASS], st.session_state[state.PREDICTED_CLASS] = [true], [predicted]


def forget_filters() -> None:
    """Drop the session's filters, so that the gallery takes those of the link it is opened with."""
    for key in FILTERS:
        st.session_state.pop(key, None)
