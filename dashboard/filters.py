"""The gallery's filters: the controls, and setting them from elsewhere."""

from __future__ import annotations

import streamlit as st

from analysis.predictions import SORTS, Browse
from dashboard import state

FULL_RANGE = (0.0, 1.0)


def filters(class_names: tuple[str, ...]) -> Browse:
    """The row of controls above the gallery, every one of them part of the page's link."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        true, predicted, confidence = class_and_confidence(class_names)
        name = st.text_input(
            "File name contains", key=state.FILE_NAME, bind="query-params", width=170, max_chars=200
        )
        sort = st.selectbox(
            "Order",
            list(SORTS),
            format_func=SORTS.__getitem__,
            key=state.SORT,
            bind="query-params",
            width=190,
            help="Loss: cross-entropy of the picture. Margin: gap between the two most probable classes.",
        )
        correct = show_correct()
    return Browse(true, predicted, confidence, name.strip(), sort, correct)


def class_and_confidence(
    class_names: tuple[str, ...],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[float, float]]:
    """The controls of every gallery: true classes, predicted classes, and the range of the confidence."""
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
    return tuple(true), tuple(predicted), (min(low, high), max(low, high))


def show_correct() -> bool:
    """The switch that lets what the learner got right into a gallery."""
    return st.toggle(
        "Show correct ones too",
        key=state.SHOW_CORRECT,
        bind="query-params",
        help="The gallery then shows the whole validation set, not only the mistakes.",
    )


def clear_filters() -> None:
    """Put every filter back to its default, also in the link."""
    st.session_state[state.TRUE_CLASS] = []
    st.session_state[state.PREDICTED_CLASS] = []
    st.session_state[state.CONFIDENCE] = FULL_RANGE
    st.session_state[state.FILE_NAME] = ""
    st.session_state[state.SHOW_CORRECT] = False


def forget_filters() -> None:
    """Drop the session's filters, so that the gallery takes those of the link it is opened with."""
    for key in (state.TRUE_CLASS, state.PREDICTED_CLASS, state.CONFIDENCE, state.FILE_NAME, state.SHOW_CORRECT):
        st.session_state.pop(key, None)
