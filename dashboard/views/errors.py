"""The gallery of the validation set's mistakes."""

from __future__ import annotations

import streamlit as st

from analysis.data.images import ImageError
from analysis.predictions import SORTS
from analysis.runs import Run, RunError
from dashboard import state
from dashboard.backend.caches import predictions, thumbnail
from dashboard.components.photo_grid import Photo, photo_grid
from dashboard.filters import clear_filters, filters
from dashboard.frame import chosen_run, clear_messages, heed_link
from dashboard.pages import page_file

PER_PAGE = 20


def card(run: Run, row: dict) -> Photo:
    """One picture of the gallery, or why it can't be shown."""
    right = row["label"] == row["predicted"]
    jpeg, problem = None, ""
    try:
        path = run.image_path(row["path"])
        jpeg = thumbnail(str(path), path.stat().st_mtime_ns)
    except (ImageError, RunError, OSError) as error:
        problem = f"This picture can't be opened: {error}"
    return Photo(
        id=row["path"],
        name=row["path"],
        verdict=f"{row['label']} ✓" if right else f"{row['label']} → {row['predicted']}",
        detail=f"{row['confidence']:.0%} sure · loss {row['loss']:.2f}",
        jpeg=jpeg,
        problem=problem,
    )


run = chosen_run()
with clear_messages(run):
    table = predictions(run)
    total, wrong = len(table), table.mistakes

    st.title("Errors")
    names = run.manifest.class_names
    with (
        heed_link(state.TRUE_CLASS, names, "true class"),
        heed_link(state.PREDICTED_CLASS, names, "predicted class"),
        heed_link(state.SORT, SORTS.values(), "order"),
    ):
        view = filters(names)
    st.session_state[state.ERRORS_VIEW] = view
    shown = table.count(view)
    filtered = bool(view.true or view.predicted or view.name or view.confidence != (0.0, 1.0))

    what = "pictures" if view.correct else "mistakes"
    of = total if view.correct else wrong
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{shown:,} of {of:,} {what}**" + ("" if view.correct else f" among {total:,} validation pictures")
        )
        if filtered:
            st.button(
                "Remove the filters",
                icon=":material/filter_alt_off:",
                type="tertiary",
                on_click=clear_filters,
            )
        st.download_button(
            "Table as CSV",
            data=lambda: table.csv(view),
            file_name=f"{run.name}-{what}.csv",
            mime="text/csv",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            disabled=not shown,
            help="The pictures shown here, on all pages, with their predictions.",
        )

    if not shown and not filtered and not view.correct:
        st.success(f"The learner got all {total:,} validation pictures right.", icon=":material/celebration:")
    elif not shown:
        st.info("No picture fits these filters. Widen one of them, or remove them all.")
    else:
        pages = -(-shown // PER_PAGE)
        with st.container(key="gallery"):
            grid = st.container()
            page = st.pagination(pages, key=state.PAGE, bind="query-params") if pages > 1 else 1
        start = (min(page, pages) - 1) * PER_PAGE
        rows = table.page(view, start, start + PER_PAGE)
        with grid:
            opened = photo_grid([card(run, row) for row in rows], key="photos")
        if opened:
            st.session_state[state.CURRENT_IMAGE] = opened
            st.switch_page(page_file("layers"), query_params={state.RUN: run.name, state.IMAGE: opened})
