"""The learners in the cache, and a form that fine-tunes another one."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from analysis.data.source import TASKS
from analysis.kinds import kind_of
from analysis.predictions import Results, results_of
from analysis.recipes.base import RecipeBase
from analysis.recipes.images import ARCHITECTURES, DEFAULTS, ImageRecipe, RecipeError
from analysis.runs import Run, RunError, list_broken, list_runs, open_run
from dashboard.backend.jobs.board import job_board
from dashboard.backend.jobs.fit import FitJob
from dashboard.frame import chosen_run, clear_messages
from dashboard.words.fit_form import WORD_SOURCES, words_recipe_form

SOURCE_NAMES = {
    "demo": "Demo: drawn cats and dogs, offline",
    "pets": "Oxford-IIIT Pets, downloaded by fastai (about 800 MB)",
    "folder": "A folder of my own pictures",
}
TASK_NAMES = {"species": "Cat or dog", "breeds": "Which breed", "folder": "The folder's classes"}
HEAD_NAMES = {
    "linear": "Linear: average pool, BatchNorm, Linear (CAM is exact)",
    "book": "As in the book: fastai's default head (CAM is an approximation)",
}


def recipe_form() -> RecipeBase | None:
    """The form; returns a recipe once it is sent off and makes sense."""
    known = {**SOURCE_NAMES, **WORD_SOURCES}
    source = st.radio("Pictures or texts", list(known), format_func=known.__getitem__, key="new_source")
    if source in WORD_SOURCES:
        return words_recipe_form(source)
    defaults = DEFAULTS[source]
    with st.form("fine_tune", border=False):
        tasks = TASKS[source]
        task = st.selectbox("Question", tasks, format_func=TASK_NAMES.__getitem__, disabled=len(tasks) == 1)
        path = None
        if source == "folder":
            path = st.text_input(
                "Folder on this machine",
                placeholder="/home/me/pictures",
                help="One sub-folder for each class, or file names as in Oxford-IIIT Pets (breed_1.jpg).",
            ).strip()
        network, head = st.columns(2)
        arch = network.selectbox(
            "Network",
            ARCHITECTURES,
            index=ARCHITECTURES.index(defaults["arch"]),
            key=f"arch_{source}",
            help="efficientnet_lite0's ImageNet weights come with the installation; a resnet's are downloaded.",
        )
        kind = head.selectbox("Head", list(HEAD_NAMES), format_func=HEAD_NAMES.__getitem__)
        size, epochs, seed = st.columns(3)
        recipe_size = size.number_input("Input size (pixels)", 64, 512, 224, 32)
        recipe_epochs = epochs.number_input("Full epochs", 1, 50, 1, help="After one epoch with the body frozen.")
        recipe_seed = seed.number_input("Seed", 0, 2**31 - 1, 21, help="Of the split and of the training.")
        pretrained = st.checkbox("Start from ImageNet weights", value=True)
        if not st.form_submit_button("Fine-tune", type="primary", icon=":material/model_training:"):
            return None
    if source == "folder" and not path:
        st.error("Name the folder that holds the pictures.")
        return None
    try:
        return ImageRecipe.for_source(
            source,
            task=task,
            path=path,
            arch=arch,
            head=kind,
            size=int(recipe_size),
            epochs=int(recipe_epochs),
            seed=int(recipe_seed),
            pretrained=pretrained,
        )
    except RecipeError as problem:
        st.error(str(problem))
        return None


@st.cache_data(max_entries=1000, show_spinner=False)
def _results(path: str, digest: str) -> Results:
    return results_of(open_run(path))


def results(run: Run) -> Results:
    """Return the results of a learner, computed once: a run of schema 1 has to be read for them."""
    return _results(str(run.path), run.manifest.files["predictions.parquet"])


run = chosen_run(kind=None)
with clear_messages():
    st.title("Learners")
    rows = []
    broken = list_broken()
    for known in list_runs():
        manifest = known.manifest
        try:
            found = results(known)
        except RunError as problem:
            broken.append((known.path, str(problem)))
            continue
        rows.append(
            {
                "learner": known.name,
                "for": kind_of(manifest.recipe).label,
                "data": manifest.recipe.source,
                "network": manifest.recipe.arch,
                "head": manifest.recipe.head_name,
                "accuracy": f"{found.accuracy:.1%}",
                "validation examples": found.examples,
                "made": manifest.created[:16].replace("T", " "),
                "on": manifest.device,
            }
        )
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="The learners in the cache")
    for path, reason in broken:
        st.warning(f"{path}: {reason}", title="A folder without a usable learner")

    st.subheader("Train another one")
    job = job_board().current(FitJob)
    if job is not None and job.running:
        st.info("A fine-tune is running; the sidebar shows its progress.")
        st.button("Stop it", icon=":material/stop:", on_click=job.stop)
    else:
        recipe = recipe_form()
        if recipe is not None:
            if job_board().start(FitJob(tuple(recipe.options()))).arguments == tuple(recipe.options()):
                st.rerun()
            st.warning("Another fine-tune has just been started. Send this form again when that one has finished.")
    source = st.session_state.get("new_source", "demo")
    words = f"--source {source}" + {"folder": " --path FOLDER", "table": " --path FILE"}.get(source, "")
    st.caption(
        f"From a terminal: `python -m analysis fit {words}`. "
        "The learner appears here at the next click after it has finished."
    )
