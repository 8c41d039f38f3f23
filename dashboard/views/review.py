"""One review: its words coloured by their contributions, and the prediction without some of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.backend.words import words_service
from dashboard.chosen import explained
from dashboard.components.review_text import review_text
from dashboard.figures.probabilities import probabilities_chart
from dashboard.figures.words_bars import word_bars
from dashboard.figures.words_colours import word_colours
from dashboard.figures.words_panels import shown_pieces, words_layers
from dashboard.frame import chosen_run, clear_messages, theme
from dashboard.plain import plain
from dashboard.words.chosen_review import ChosenReview, review_chooser
from dashboard.words.own_review import typed_form
from dashboard.words.what_if import edits_of, toggle_word, what_if_panel

if TYPE_CHECKING:
    from analysis.words import Negation, WordsReport

CHANGED = 0.05  # probabilities that differ by more than rounding between devices and batch sizes
EACH_SIDE = 12
LENGTHS = {0: "1 to 4 words", 1: "1 word", 2: "2 words", 3: "3 words", 4: "4 words"}


def certificate(report: WordsReport) -> None:
    """Show whether the exact CAM adds up to the score that it explains, or why there is none."""
    from analysis.words.methods import METHODS

    last, proof = report.rows[-1], report.best_map.certificate
    title = METHODS[last.best].title
    if proof is None or report.bias is None:
        reasons = " ".join(other.note for other in last.maps.values() if other.contributions is None)
        st.warning(
            f"{last.label} has no exact map. {reasons} {title} is an estimate: its words do not add up "
            "to the score.",
            icon=":material/rule:",
        )
        return
    same = " and ".join(METHODS[name].title for name in last.same_as(last.best))
    score = "the difference of the logits" if isinstance(report.target, tuple) else "the logit"
    st.success(
        f"{title} at {last.label} is exact: its mean over the words ({proof.mean_plus_bias - report.bias:+.4f}) "
        f"plus the bias ({report.bias:+.4f}) is {proof.mean_plus_bias:.4f}, {score} is {proof.logit:.4f} "
        f"(residual {proof.residual:.1e})."
        + (f" {same} give the same at this layer; at the layers before it they differ." if same else ""),
        icon=":material/verified:",
    )


def coloured(review: ChosenReview, report: WordsReport) -> None:
    """Show a panel for each method, and what a reader has to know of them."""
    pieces, cut = shown_pieces(report)
    colours = word_colours(theme())
    review_text(
        words_layers(report),
        pieces,
        edits_of(review.id),
        colours,
        key="review_text",
        on_word=partial(toggle_word, review.id),
    )
    if cut:
        st.caption(f"The last {cut:,} characters are not shown; the learner doesn't read them either.")
    unknown = int(report.unknown.sum())
    st.caption(
        f"Explained: **{plain(report.target_label)}**. Warm words speak for it, blue ones against it; each panel "
        "and layer has a scale of its own, in logits, so the colours compare words and not methods."
        + (f" {unknown:,} of {len(report.words):,} words are not in the learner's vocabulary." if unknown else "")
    )


def strongest(report: WordsReport) -> None:
    """Show the words and the phrases with the largest contributions, for and against."""
    from analysis.words import ngrams, strongest_phrases
    from analysis.words.strongest import strongest_words

    values = report.best.words
    grid = st.grid(2, min_column_width=380, gap="large")
    words_cell, phrases_cell = grid.cell(), grid.cell()
    axis = f"Contribution to {report.target_label}, in logits"
    with words_cell:
        st.subheader("Strongest words")
        table = strongest_words(report.words, values, EACH_SIDE)
        if table.empty:
            st.info("No word contributes anything here.")
        else:
            st.altair_chart(word_bars(table, "word", axis, theme()), alt="The strongest words for and against")
            st.caption("The occurrences of a word are added up; punctuation is left out.")
    with phrases_cell:
        st.subheader("Strongest phrases")
        length = st.segmented_control(
            "Length",
            list(LENGTHS),
            format_func=LENGTHS.__getitem__,
            default=0,
            key=state.PHRASE,
            label_visibility="collapsed",
        )
        if length:
            every = ngrams(report.words, values, length)
            found = sorted(every, key=lambda phrase: -abs(phrase.contribution))[: 2 * EACH_SIDE]
        else:
            found = list(strongest_phrases(report.words, values, count=2 * EACH_SIDE))
        if not found:
            st.info("No sentence here is that long.")
            return
        rows = pd.DataFrame(
            {
                "phrase": [" ".join(phrase.text.split()) for phrase in found],
                "contribution": [phrase.contribution for phrase in found],
            }
        ).sort_values("contribution", ascending=False)
        st.altair_chart(word_bars(rows, "phrase", axis, theme()), alt="The strongest phrases for and against")
        st.caption(
            "Phrases of one length may share words." if length else "Phrases within a sentence that share no word."
        )


def negations(found: tuple[Negation, ...], report: WordsReport) -> None:
    """Show what each negation does: its phrase and the score of the review with it and without it."""
    st.subheader("Negations")
    if not found:
        st.info("No word here follows a “not”, “never” or “n't”: nothing is negated.")
        return
    rows = pd.DataFrame(
        {
            "phrase": [" ".join(one.phrase.split()) for one in found],
            "with": [one.phrase_with for one in found],
            "without": [one.phrase_without for one in found],
            "score": [one.score_with - one.score_without for one in found],
            "negated": [
                ", ".join(
                    f"{word.text} {word.with_negation:+.3f} (alone {word.without_negation:+.3f})"
                    for word in one.negated
                )
                for one in found
            ],
        }
    )
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "phrase": "Phrase",
            "with": st.column_config.NumberColumn("It contributes", format="%+.4f"),
            "without": st.column_config.NumberColumn("Without the negation", format="%+.4f"),
            "negated": "Words after it",
            "score": st.column_config.NumberColumn("The negation adds to the score", format="%+.4f"),
        },
        alt="Every negation: what its phrase contributes with it and without it",
    )
    st.caption(
        f"The review is predicted again without each negation. Contributions are to {plain(report.target_label)}, "
        "in logits. A learner that understands a negation changes the sign of the words after it."
    )


run = chosen_run("words")
st.title("Review")
with clear_messages(run):
    typed_form(opened=False)
    review = review_chooser.choose(run)
    if review is None:
        st.stop()
    review_chooser.headline(run, review)
    target = explained(run, review)
    with st.spinner("Loading the learner and explaining the review…", show_time=True):
        report = words_service().report(run, review.id, target)
    if review.label is not None and np.abs(report.probabilities - review.probabilities).max() > CHANGED:
        st.warning(
            "The learner now gives other probabilities than when the reviews were evaluated. Evaluate again: "
            f"`python -m analysis evaluate --run {run.name} --force`.",
            title="The prediction has changed",
        )
    for note in report.notes:
        st.info(note)
    coloured(review, report)
    certificate(report)
    what_if_panel(run, review.id, report)
    strongest(report)
    with st.spinner("Reading the review without its negations…"):
        found = words_service().negations(run, review.id, target)
    negations(found, report)
    with st.expander("Probabilities and table"):
        st.altair_chart(
            probabilities_chart(
                report.class_names,
                report.probabilities,
                None if review.label is None else report.class_names[review.label],
                report.class_names[review.predicted],
                theme=theme(),
            ),
            alt="Class probabilities",
        )
        from analysis.words.tables import review_table

        st.download_button(
            "Words as CSV",
            data=lambda: review_table(report).to_csv(index=False),
            file_name=f"{review.name.replace('/', '-').replace(' ', '-')}-words.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            help="Every word in its order with its contribution.",
        )
