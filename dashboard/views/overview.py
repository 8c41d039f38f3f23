"""What the learner is, and how well it does."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from analysis.errors import CamLensError
from analysis.predictions.shortcut import shortcut_table
from analysis.predictions.summary import most_confused, per_class
from analysis.runs import Run
from dashboard import state
from dashboard.backend.caches import predictions
from dashboard.backend.images import service
from dashboard.figures.confusion import CELL, confusion_chart
from dashboard.figures.losses import loss_histogram
from dashboard.figures.per_class import per_class_chart
from dashboard.filters import forget_filters
from dashboard.frame import chosen_run, clear_messages, theme
from dashboard.pages import page_file

MANY_CLASSES = 12  # more than this and the matrix needs the whole width


def planted_panel(run: Run) -> None:
    """The demo's trap: accuracy with and without the ball, and what the ball does to the logits."""
    st.subheader("What the demo hid in the pictures")
    st.write(
        "In training, a ball lies beside most dogs and few cats; in validation it comes with both alike. A "
        "learner that looks for the ball instead of the animal shows it here:"
    )
    try:
        counts = shortcut_table(predictions(run), run.manifest.data_root)
    except CamLensError as problem:
        st.info(str(problem))
        return
    st.dataframe(
        counts,
        hide_index=True,
        column_config={
            "class": "True class",
            "shortcut": "The ball",
            "pictures": "Pictures",
            "mistakes": "Mistakes",
            "accuracy": st.column_config.NumberColumn("Accuracy", format="percent"),
        },
        alt="Accuracy with and without the ball",
    )
    if run.manifest.recipe.head != "linear" or not st.toggle(
        "Draw the ball away and measure",
        key=state.MEASURE,
        bind="query-params",
        help="Draws every validation picture with a ball again without it and predicts both. A few seconds.",
    ):
        return
    try:
        with st.spinner("Drawing the pictures again without the ball…", show_time=True):
            measured = service().shortcut_summary(run)
    except CamLensError as problem:
        st.info(str(problem))
        return
    st.table(
        pd.DataFrame(
            {
                f"{row.group.capitalize()} ({row.pictures})": {
                    "Predicted otherwise without the ball": f"{row.flips:.0%}",
                    "What the ball adds to the dog − cat logit": f"{row.logit_change:+.2f}",
                    "Contrast CAM at the ball, in deviations": f"{row.z_shortcut:+.2f}",
                    "Contrast CAM at the animal, in deviations": f"{row.z_animal:+.2f}",
                    "Its energy at the ball, over chance": f"{row.energy_ratio:.1f} ×",
                }
                for row in measured.itertuples()
            }
        )
    )
    st.caption(
        "Medians over the pictures. Deviations: how far the exact contrast CAM of the last layer stands above its "
        "own mean there, in its standard deviations. Energy: the share of its positive part at the ball, over "
        "the ball's share of the picture."
    )


run = chosen_run()
with clear_messages(run):
    manifest, recipe = run.manifest, run.manifest.recipe
    table = predictions(run)
    names = manifest.class_names
    matrix = table.confusion()

    st.title("Overview")
    for note in manifest.notes:
        st.info(note)
    missing = manifest.results.get("missing", 0)
    if missing:
        st.warning(
            f"{missing:,} of {manifest.counts['valid']:,} validation pictures were gone when the learner was "
            "evaluated, and are left out here. `python -m analysis evaluate` names them."
        )
    cells = st.grid(5, min_column_width=140)
    cells.metric("Accuracy", f"{table.accuracy:.1%}", help="Share of the validation pictures predicted right.")
    cells.metric("Error rate", f"{1 - table.accuracy:.1%}", help="fastai's `error_rate`: 1 − accuracy.")
    cells.metric("Mistakes", f"{table.mistakes:,} of {len(table):,}")
    cells.metric("Training pictures", f"{manifest.counts['train']:,}")
    cells.metric("Classes", f"{len(names)}")

    many = len(names) > MANY_CLASSES
    grid = st.grid(1 if many else 2, min_column_width=400, gap="large")
    left, wide = grid.cell(), grid.cell()
    with left:
        st.subheader("Confusion matrix")
        st.caption("Rows are the true classes, columns the predicted ones. Click a cell to see its pictures.")
        picked = st.altair_chart(
            confusion_chart(matrix, names, theme=theme()),
            on_select="rerun",
            selection_mode=CELL,
            width="content",
            key=state.MATRIX,
            alt="Confusion matrix: true classes by predicted classes",
        )
        cell = (picked.get("selection", {}).get(CELL) or [None])[0] if picked else None
        if cell:
            forget_filters()  # the gallery opens with this cell's filter and no other
            query = {state.TRUE_CLASS: cell["true"], state.PREDICTED_CLASS: cell["predicted"]}
            if cell["true"] == cell["predicted"]:
                query[state.SHOW_CORRECT] = "true"
            st.switch_page(page_file("errors"), query_params={state.RUN: run.name, **query})
    with wide:
        st.subheader("Loss of every picture")
        st.altair_chart(
            loss_histogram(table.histogram(), theme=theme()), alt="Histogram of the losses, right and wrong"
        )
        st.subheader("Precision and recall")
        st.altair_chart(per_class_chart(per_class(matrix, names), theme=theme()), alt="Precision and recall")

    with left:
        st.subheader("Most confused")
        pairs = most_confused(matrix, names)
        if pairs.empty:
            st.success("Nothing was confused.")
        else:
            st.dataframe(
                pairs,
                hide_index=True,
                column_config={
                    "label": "True class",
                    "predicted": "Taken for",
                    "count": "Mistakes",
                    "share": st.column_config.NumberColumn("Share of the class", format="percent"),
                },
                alt="Pairs of classes by number of mistakes",
            )
        if recipe.source == "demo" and recipe.task == "species":
            with st.container(border=True):
                planted_panel(run)
    with wide:
        st.subheader("How it was made")
        when = datetime.fromisoformat(manifest.created).strftime("%d %B %Y, %H:%M")
        head = {"linear": "linear (CAM is exact)", "book": "as in the book (CAM is an approximation)"}
        facts = {
            "Pictures": f"{recipe.source}, {recipe.task}" + (f", {recipe.path}" if recipe.path else ""),
            "Network": f"{recipe.arch}, {'ImageNet weights' if recipe.pretrained else 'from scratch'}",
            "Head": head[recipe.head],
            "Input": f"{recipe.size} × {recipe.size} pixels",
            "Fine-tune": f"{recipe.freeze_epochs} frozen + {recipe.epochs} full epochs, seed {recipe.seed}",
            "Trained on": manifest.device,
            "When": when,
            "dls.vocab": ", ".join(
                f"{index}: {label}" + ("" if str(label) == name else f" ({name})")
                for index, (label, name) in enumerate(zip(manifest.vocabulary, names, strict=True))
            ),
            "Kept in": str(run.path),
        }
        st.table(pd.DataFrame({"": facts.keys(), "value": facts.values()}), hide_index=True, hide_header=True)
        st.dataframe(pd.DataFrame(list(manifest.history)), hide_index=True, alt="Losses after each epoch")
        if manifest.counts["skipped"]:
            with st.expander(f"{manifest.counts['skipped']:,} files were left out"):
                st.dataframe(pd.DataFrame(run.examples().skipped, columns=["file", "why"]), hide_index=True)
