"""The gallery of the validation reviews that the learner got wrong."""

from __future__ import annotations

from typing import Any

import streamlit as st

from analysis.learner.words.examples import text_recipe
from analysis.predictions import Browse, excerpt
from analysis.predictions.summary import most_confused
from analysis.runs import Run
from dashboard.backend.caches import predictions
from dashboard.components.review_cards import ReviewCard, review_cards
from dashboard.filters import show_pair
from dashboard.frame import chosen_run, clear_messages
from dashboard.gallery import detail, gallery, verdict
from dashboard.learner_facts import how_it_was_made, result_metrics
from dashboard.pages import page_file
from dashboard.plain import plain

MOST_CONFUSED = 6  # pairs of classes that have a button


def draw(rows: list[dict[str, Any]], view: Browse) -> str | None:
    """Draw the cards; return the id of the one that was clicked."""
    cards = [ReviewCard(row["path"], verdict(row), detail(row), excerpt(row["text"], view.word)) for row in rows]
    return review_cards(cards, key="reviews")


def confused_pairs(run: Run) -> None:
    """Show the most confused classes, each pair a button that narrows the gallery to it."""
    pairs = most_confused(predictions(run).confusion(), run.manifest.class_names).head(MOST_CONFUSED)
    if pairs.empty:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("Most confused:")
        for pair in pairs.itertuples():
            st.button(
                plain(f"{pair.label} predicted as {pair.predicted}: {pair.count:,}"),
                key=f"pair {pair.label} {pair.predicted}",
                help=f"{pair.share:.1%} of this class. Click to see them.",
                on_click=show_pair,
                args=(pair.label, pair.predicted),
                type="tertiary",
            )


def recipe_facts(run: Run) -> dict[str, str]:
    """Return what the recipe of a learner of words says, by the names the page gives it."""
    recipe = text_recipe(run)
    return {
        "Texts": recipe.source + (f", {recipe.path}" if recipe.path else ""),
        "Network": f"{recipe.arch}, {'pretrained' if recipe.pretrained else 'from scratch'}",
        "Training": f"{recipe.epochs} epochs, seed {recipe.seed}, at most {recipe.max_tokens:,} words a text",
        "Vocabulary": f"at most {recipe.vocabulary_size:,} words",
    }


def link_to_own() -> None:
    """Show the link to the form for a review of one's own."""
    st.page_link(page_file("review"), label="Type a review of your own", icon=":material/edit:")


run = chosen_run("words")
with clear_messages(run):
    st.title("Reviews")
    result_metrics(run)
    confused_pairs(run)
    gallery(run, draw, link_to_own)
    with st.expander("How this learner was made"):
        how_it_was_made(run, recipe_facts(run))
