"""What the learner is, and how well it predicts."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from analysis.errors import CamLensError
from analysis.learner.images.examples import image_recipe
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
from dashboard.learner_facts import how_it_was_made, result_metrics
from dashboard.pages import page_file

MANY_CLASSES = 12  # with more than this the matrix needs the whole width


def shortcut_panel(run: Run) -> None:
    """Show the accuracy with and without the demo's shortcut, and the effect of the shortcut on the logits."""
    st.subheader("The shortcut in the demo's pictures")
    st.write(
        "In the training pictures a ball lies beside most dogs and few cats; in the validation pictures it is as "
        "frequent with both. The ball is the demo's shortcut: a learner that looks for it instead of the animal "
        "has a lower accuracy where it misleads:"
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
            "shortcut": "Shortcut",
            "pictures": "Pictures",
            "mistakes": "Mistakes",
            "accuracy": st.column_config.NumberColumn("Accuracy", format="percent"),
        },
        alt="Accuracy with and without the shortcut",
    )
    if image_recipe(run).head != "linear" or not st.toggle(
        "Draw the pictures without the shortcut and measure",
        key=state.MEASURE,
        bind="query-params",
        help="Draws every validation picture that has a shortcut again without it, and predicts both. It takes "
        "a few seconds.",
    ):
        return
    try:
        with st.spinner("Drawing the pictures again without the shortcut…", show_time=True):
            measured = service().shortcut_summary(run)
    except CamLensError as problem:
        st.info(str(problem))
        return
    st.table(
        pd.DataFrame(
            {
                f"{row.group.capitalize()} ({row.pictures})": {
                    "Predicted otherwise without the shortcut": f"{row.flips:.0%}",
                    "What the shortcut adds to the dog − cat logit": f"{row.logit_change:+.2f}",
                    "Contrast CAM at the shortcut, in deviations": f"{row.z_shortcut:+.2f}",
                    "Contrast CAM at the animal, in deviations": f"{row.z_animal:+.2f}",
                    "Its energy at the shortcut, over chance": f"{row.energy_ratio:.1f} ×",
                }
                for row in measured.itertuples()
            }
        )
    )
    st.caption(
        "Medians over the pictures. Deviations: how far the exact contrast CAM of the last layer stands above its "
        "own mean there, in its standard deviations. Energy: the share of its positive part at the shortcut, "
        "divided by the shortcut's share of the picture."
    )


def recipe_facts(run: Run) -> dict[str, str]:
    """Return what the recipe of a learner of images says, by the names the page gives it."""
    recipe = image_recipe(run)
    head = {"linear": "linear (CAM is exact)", "book": "as in the book (CAM is an approximation)"}
    return {
        "Pictures": f"{recipe.source}, {recipe.task}" + (f", {recipe.path}" if recipe.path else ""),
        "Network": f"{recipe.arch}, {'ImageNet weights' if recipe.pretrained else 'from scratch'}",
        "Head": head[recipe.head],
        "Input": f"{recipe.size} × {recipe.size} pixels",
        "Fine-tune": f"{recipe.freeze_epochs} frozen + {recipe.epochs} full epochs, seed {recipe.seed}",
    }


run = chosen_run()
with clear_messages(run):
    recipe, table, names = image_recipe(run), predictions(run), run.manifest.class_names
    matrix = table.confusion()

    st.title("Overview")
    result_metrics(run)

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
                    "predicted": "Predicted as",
                    "count": "Mistakes",
                    "share": st.column_config.NumberColumn("Share of the class", format="percent"),
                },
                alt="Pairs of classes by number of mistakes",
            )
        if recipe.source == "demo" and recipe.task == "species":
            with st.container(border=True):
                shortcut_panel(run)
    with wide:
        st.subheader("How it was made")
        how_it_was_made(run, recipe_facts(run))
