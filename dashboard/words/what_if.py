"""What if: words that a reader strikes out or replaces, and how the prediction changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from analysis.runs import Run
from dashboard import state
from dashboard.backend.words import words_service
from dashboard.plain import plain

if TYPE_CHECKING:
    from analysis.words import WordsReport

TRIED = 25  # words that are struck out one by one to see the effect of each


def edits_of(review: str) -> dict[int, str]:
    """Return the session's edits of a review: index of a word -> its replacement, "" where it is struck out."""
    return st.session_state.get(state.EDITS, {}).get(review, {})


def toggle_word(review: str, word: int) -> None:
    """Strike a word out, or put it back."""
    changed = dict(edits_of(review))
    if changed.pop(word, None) is None:
        changed[word] = ""
    st.session_state[state.EDITS] = {review: changed}


def what_if_panel(run: Run, review: str, report: WordsReport) -> None:
    """Show the controls, the prediction before and after, and the effect of each strong word."""
    from analysis.words import Edit

    st.subheader("What if")
    words = report.words.words
    edits = {word: text for word, text in edits_of(review).items() if word < len(words)}
    if not words:
        st.info("There is no word to strike out.")
        return
    _form(review, report)
    if not edits:
        st.caption("Click a word above to strike it out, or choose one here.")
    else:
        changes = tuple(Edit(words[word].start, words[word].stop, edits[word]) for word in sorted(edits))
        _before_and_after(run, review, report, changes)
        texts = [
            f"{plain(words[word].text)} → {plain(edits[word])}"
            if edits[word]
            else f"~~{plain(words[word].text)}~~"
            for word in sorted(edits)
        ]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(" · ".join(texts[:40]) + (f" and {len(texts) - 40} more" if len(texts) > 40 else ""))
            st.button("Undo all", icon=":material/undo:", on_click=_undo, type="tertiary")
    if st.toggle(
        f"Strike out each of the {min(TRIED, len(words))} strongest words alone",
        help="Compares what the colours predict with what really happens: the change of the score when that one "
        "word is gone.",
    ):
        _one_by_one(run, review, report)


def _form(review: str, report: WordsReport) -> None:
    words = report.words.words
    with (
        st.form("what_if", border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        word = st.selectbox(
            "Word",
            range(len(words)),
            format_func=lambda index: f"{words[index].text[:40]} ({index + 1})",
            width=220,
            help="With its place in the review.",
        )
        other = st.text_input(
            "Replace with", placeholder="nothing: strike it out", width=240, max_chars=200
        ).strip()
        if st.form_submit_button("Apply", icon=":material/edit:"):
            st.session_state[state.EDITS] = {review: {**edits_of(review), word: other}}
            st.rerun()


def _before_and_after(run: Run, review: str, report: WordsReport, edits: tuple) -> None:
    found = words_service().what_if(run, review, edits, report.target)
    before, after = found.before, found.after[0]
    names = report.class_names
    cells = st.grid(3, min_column_width=180)
    first, second = int(before.probabilities.argmax()), int(after.probabilities.argmax())
    verdict = "stays" if first == second else f"was {plain(names[first])}"
    cells.metric("Prediction after", plain(names[second]), verdict, delta_color="off", delta_arrow="off")
    cells.metric(
        f"Probability of {plain(names[first])}",
        f"{after.probabilities[first]:.1%}",
        f"{(after.probabilities[first] - before.probabilities[first]) * 100:+.1f} points, from "
        f"{before.probabilities[first]:.1%}",
        delta_color="off",
    )
    cells.metric(
        f"Score of {plain(report.target_label)}",
        f"{after.score:+.3f}",
        f"{found.changes[0]:+.3f}, from {before.score:+.3f}",
        delta_color="off",
        help="The logit of the explained class, or the difference of two.",
    )
    with st.expander("The review as it was predicted"):
        st.code(after.text, language=None, wrap_lines=True)


def _one_by_one(run: Run, review: str, report: WordsReport) -> None:
    values = report.best.words
    which = tuple(np.argsort(-np.abs(values), kind="stable")[:TRIED].tolist())
    with st.spinner("Striking them out one by one…"):
        falls = words_service().strikes(run, review, report.target, which)
    table = pd.DataFrame(
        {
            "word": [report.words.words[index].text for index in which],
            "place": [index + 1 for index in which],
            "contribution": values[list(which)],
            "falls": falls[list(which)],
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "word": "Word",
            "place": "Place",
            "contribution": st.column_config.NumberColumn("It contributes", format="%+.4f"),
            "falls": st.column_config.NumberColumn("The score falls by, without it", format="%+.4f"),
        },
        alt="The strongest words: contribution, and what happens without each",
    )
    st.caption(
        "The two differ for a word that acts through its neighbours, and because the average is taken over fewer "
        "words without it."
    )


def _undo() -> None:
    st.session_state[state.EDITS] = {}
