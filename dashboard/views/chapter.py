"""The questions at the end of the book's chapter, answered live on the chosen learner and picture."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.chapter import gradients, hooks, maps
from dashboard.chapter.experiments import Experiments
from dashboard.frame import chosen_run, clear_messages
from dashboard.images.chosen_image import image_chooser

PARTS = {
    "1–5 · Hooks": hooks.show,
    "6–9 · Activations to map": maps.show,
    "10–13 · Gradients": gradients.show,
}

run = chosen_run()
st.title("Chapter")
with clear_messages(run):
    image = image_chooser.choose(run)
    if image is None:
        st.stop()
    st.write(
        "These are the questions at the end of the book's chapter, in its order. Each answer is computed for "
        "this learner and this picture, on a copy of the network; the code shown is the code that ran."
    )
    image_chooser.headline(run, image)
    experiments = Experiments(run, image)
    tabs = st.tabs(list(PARTS), key=state.PART, bind="query-params")
    for tab, show in zip(tabs, PARTS.values(), strict=True):
        if tab.open:  # the others are computed when a reader opens them
            with tab:
                show(experiments)
    if experiments.states:
        unchanged = len({digest for pair in experiments.states for digest in pair}) == 1
        if unchanged:
            st.success(
                "The learner is as it was. Its weights, statistics, modes, gradients and hooks have the same "
                f"sha256 before and after each of the {len(experiments.states)} experiments of this part: "
                f"{experiments.states[0][0][:16]}…",
                icon=":material/verified:",
            )
        else:
            st.error("An experiment changed the learner in memory. Please report this.", icon=":material/error:")
