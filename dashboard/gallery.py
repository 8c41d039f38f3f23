"""The gallery of a validation set's mistakes: filters, counts, CSV, pages of cards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from analysis.predictions import Browse, Predictions
from analysis.runs import Run
from dashboard import state
from dashboard.backend.caches import predictions
from dashboard.example_kinds import ExampleKind, example_kind
from dashboard.filters import clear_filters, filters, is_narrowed
from dashboard.frame import heed_link
from dashboard.pages import page_file


def verdict(row: dict[str, Any]) -> str:
    """Return the first line of a card: the true class and, where it is another one, the predicted class."""
    return f"{row['label']} ✓" if row["label"] == row["predicted"] else f"{row['label']} → {row['predicted']}"


def detail(row: dict[str, Any]) -> str:
    """Return the second line of a card: confidence and loss."""
    return f"{row['confidence']:.0%} sure · loss {row['loss']:.2f}"


def gallery(
    run: Run, draw: Callable[[list[dict[str, Any]], Browse], str | None], links: Callable[[], None] | None = None
) -> None:
    """Show the gallery of a run; a click on a card opens that example's page.

    Parameters
    ----------
    draw : draws the cards of the rows, given with the view, and returns the id of the one that was clicked.
    links : draws more links at the end of the line with the counts.
    """
    kind, table = example_kind(run), predictions(run)
    names = run.manifest.class_names
    with (
        heed_link(state.TRUE_CLASS, names, "true class"),
        heed_link(state.PREDICTED_CLASS, names, "predicted class"),
        heed_link(state.SORT, kind.sorts.values(), "order"),
    ):
        view = filters(kind, names)
    st.session_state[kind.view] = view
    count = table.count(view)
    with st.container(horizontal=True, vertical_alignment="center"):
        _count_line(run, table, view, kind)
        if links is not None:
            links()
    if count:
        opened = _cards(table, view, kind, draw)
        if opened:
            st.session_state[kind.current] = opened
            st.switch_page(page_file(kind.detail), query_params={state.RUN: run.name, kind.link: opened})
    elif is_narrowed(view) or view.correct:
        st.info(f"No {kind.noun} fits these filters. Widen one of them, or remove them all.")
    else:
        st.success(
            f"The learner got all {len(table):,} validation {kind.plural} right.", icon=":material/celebration:"
        )


def _count_line(run: Run, table: Predictions, view: Browse, kind: ExampleKind) -> None:
    """Show how many examples the filters leave, the button that removes them, and the table as CSV."""
    count, total = table.count(view), len(table)
    if view.correct:
        st.markdown(f"**{count:,} of {total:,} {kind.plural}**")
    else:
        st.markdown(f"**{count:,} of {table.mistakes:,} mistakes** among {total:,} validation {kind.plural}")
    if is_narrowed(view):
        st.button("Remove the filters", icon=":material/filter_alt_off:", type="tertiary", on_click=clear_filters)
    st.download_button(
        "Table as CSV",
        data=lambda: table.csv(view),
        file_name=f"{run.name}-{kind.plural if view.correct else 'mistakes'}.csv",
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        disabled=not count,
        help=f"The {kind.plural} shown here, on all pages, with their predictions.",
    )


def _cards(
    table: Predictions,
    view: Browse,
    kind: ExampleKind,
    draw: Callable[[list[dict[str, Any]], Browse], str | None],
) -> str | None:
    """Draw one page of cards above the page numbers; return the id of the card that was clicked."""
    pages = -(-table.count(view) // kind.per_page)
    with st.container(key="gallery"):
        grid = st.container()
        page = st.pagination(pages, key=state.PAGE, bind="query-params") if pages > 1 else 1
    start = (min(page, pages) - 1) * kind.per_page
    with grid:
        return draw(table.page(view, start, start + kind.per_page), view)
