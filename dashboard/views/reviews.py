"""The gallery of misread reviews."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from analysis.predictions import Browse, Predictions, excerpt
from analysis.predictions.summary import most_confused
from analysis.runs import Run
from dashboard import state
from dashboard.backend.caches import predictions
from dashboard.components.review_cards import ReviewCard, review_cards
from dashboard.frame import chosen_run, clear_messages, heed_link
from dashboard.pages import page_file
from dashboard.plain import plain
from dashboard.words.filters import (
    REVIEW_SORTS,
    clear_review_filters,
    narrowed,
    review_filters,
    show_pair,
)

PER_PAGE = 12


def card(row: dict, word: str) -> ReviewCard:
    """One review of the gallery."""
    right = row["label"] == row["predicted"]
    return ReviewCard(
        id=row["path"],
        verdict=f"{row['label']} ✓" if right else f"{row['label']} → {row['predicted']}",
        detail=f"{row['confidence']:.0%} sure · loss {row['loss']:.2f}",
        text=excerpt(row["text"], word),
    )


def summary_line(run: Run, table: Predictions) -> None:
    """Accuracy and the most confused classes, each a button that narrows the gallery to them."""
    names = run.manifest.class_names
    cells = st.grid(4, min_column_width=150)
    cells.metric("Accuracy", f"{table.accuracy:.1%}", help="Share of the validation reviews predicted right.")
    cells.metric("Mistakes", f"{table.mistakes:,} of {len(table):,}")
    cells.metric("Training reviews", f"{run.manifest.counts['train']:,}")
    cells.metric("Classes", len(names))
    pairs = most_confused(table.confusion(), names).head(6)
    if pairs.empty:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("Most confused:")
        for pair in pairs.itertuples():
            st.button(
                plain(f"{pair.label} taken for {pair.predicted}: {pair.count:,}"),
                key=f"pair {pair.label} {pair.predicted}",
                help=f"{pair.share:.1%} of this class. Click to see them.",
                on_click=show_pair,
                args=(pair.label, pair.predicted),
                type="tertiary",
            )


def how_it_was_made(run: Run) -> None:
    """The recipe, its notes and what was left out, folded away."""
    manifest, recipe = run.manifest, run.manifest.recipe
    for note in manifest.notes:
        st.info(note)
    with st.expander("How this learner was made"):
        facts = {
            "Texts": f"{recipe.source}" + (f", {recipe.path}" if recipe.path else ""),
            "Network": f"{recipe.arch}, {'pretrained' if recipe.pretrained else 'from scratch'}",
            "Training": f"{recipe.epochs} epochs, seed {recipe.seed}, at most {recipe.max_tokens:,} words a text",
            "Vocabulary": f"at most {recipe.vocabulary_size:,} words",
            "Trained on": manifest.device,
            "When": manifest.created[:16].replace("T", " "),
            "Kept in": str(run.path),
        }
        st.table(pd.DataFrame({"": facts.keys(), "value": facts.values()}), hide_index=True, hide_header=True)
        st.dataframe(pd.DataFrame(list(manifest.history)), hide_index=True, alt="Losses after each epoch")
        if manifest.counts["skipped"]:
            st.caption(f"{manifest.counts['skipped']:,} texts were left out:")
            st.dataframe(pd.DataFrame(run.examples().skipped, columns=["review", "why"]), hide_index=True)


def export_button(run: Run, table: Predictions, view: Browse) -> None:
    """The reviews shown, on all pages, as CSV."""
    st.download_button(
        "Table as CSV",
        data=lambda: table.csv(view),
        file_name=f"{run.name}-{'reviews' if view.correct else 'mistakes'}.csv",
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        disabled=not table.count(view),
        help="The reviews shown here, on all pages, with their predictions and texts.",
    )


run = chosen_run("words")
with clear_messages(run):
    table = predictions(run)
    total, wrong = len(table), table.mistakes

    st.title("Reviews")
    summary_line(run, table)
    names = run.manifest.class_names
    with (
        heed_link(state.TRUE_CLASS, names, "true class"),
        heed_link(state.PREDICTED_CLASS, names, "predicted class"),
        heed_link(state.SORT, REVIEW_SORTS.values(), "order"),
    ):
        view = review_filters(names)
    st.session_state[state.REVIEWS_VIEW] = view
    shown = table.count(view)

    what, of = ("reviews", total) if view.correct else ("mistakes", wrong)
    with st.container(horizontal=True, vertical_alignment="center"):
        among = "" if view.correct else f" among {total:,} validation reviews"
        st.markdown(f"**{shown:,} of {of:,} {what}**{among}")
        if narrowed(view):
            st.button(
                "Remove the filters",
                icon=":material/filter_alt_off:",
                type="tertiary",
                on_click=clear_review_filters,
            )
        export_button(run, table, view)
        st.page_link(page_file("review"), label="Type a review of your own", icon=":material/edit:")

    if not shown and not narrowed(view) and not view.correct:
        st.success(f"The learner got all {total:,} validation reviews right.", icon=":material/celebration:")
    elif not shown:
        st.info("No review fits these filters. Widen one of them, or remove them all.")
    else:
        pages = -(-shown // PER_PAGE)
        with st.container(key="gallery"):
            grid = st.container()
            page = st.pagination(pages, key=state.PAGE, bind="query-params") if pages > 1 else 1
        start = (min(page, pages) - 1) * PER_PAGE
        rows = table.page(view, start, start + PER_PAGE)
        with grid:
            opened = review_cards([card(row, view.word) for row in rows], key="reviews")
        if opened:
            st.session_state[state.CURRENT_REVIEW] = opened
            st.switch_page(page_file("review"), query_params={state.RUN: run.name, state.REVIEW: opened})
    how_it_was_made(run)
