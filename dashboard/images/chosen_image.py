"""The picture that the Layers and Keepdim pages are about, and the way to the next one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from analysis.predictions import Browse
from analysis.runs import Run
from dashboard import state
from dashboard.backend.caches import predictions
from dashboard.backend.images import service
from dashboard.backend.map_store import Target
from dashboard.backend.pictures import UPLOAD
from dashboard.frame import heed_link
from dashboard.pages import page_file

CONTRAST = "Why predicted rather than true"


@dataclass(frozen=True)
class ChosenImage:
    """A picture of the run, or a photo the user brought (`label` is None then).

    `predicted` and `label` are indices into the run's class names, `runner_up` is the second most
    probable class; `probabilities` is (C,) float32.
    """

    id: str
    name: str
    label: int | None
    predicted: int
    runner_up: int
    probabilities: np.ndarray


def chosen_image(run: Run) -> ChosenImage | None:
    """The picture the link names, else the last one looked at, else the run's first mistake.

    None when there is nothing to show: the link's picture is unknown, or the learner made no mistake.
    """
    table = predictions(run)
    asked = st.query_params.get(state.IMAGE)
    image = asked or st.session_state.get(state.CURRENT_IMAGE)
    known = image is not None and (image.startswith(UPLOAD) or image in table)
    if asked and not known:
        st.error(
            f"The link names the picture “{asked[:80]}”, which is not in this learner's validation set.",
            title="No such picture",
        )
        st.page_link(page_file("errors"), label="Choose one among the errors", icon=":material/photo_library:")
        return None
    if not known:
        # the gallery's filters may leave nothing over
        first = table.page(_view(run), 0, 1) or table.page(Browse(), 0, 1)
        if not first:
            st.info("There is no mistake to look at. Choose any picture in the gallery.")
            st.page_link(page_file("errors"), label="To the gallery", icon=":material/photo_library:")
            return None
        image = first[0]["path"]
    if st.query_params.get(state.IMAGE) != image:
        st.query_params[state.IMAGE] = image
    view = _view(run).to_text()
    if view:
        st.query_params[state.LIST] = view
    else:
        st.query_params.pop(state.LIST, None)
    st.session_state[state.CURRENT_IMAGE] = image
    return _described(run, image)


def step_buttons(run: Run, image: ChosenImage) -> None:
    """Back and forth through the gallery's list, with the arrow keys too."""
    table, view = predictions(run), _view(run)
    place = table.neighbours(view, image.id)
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            shortcut="Left",
            disabled=place.before is None,
            on_click=_go_to,
            args=(place.before,),
            key="previous_image",
        )
        at = place.position
        where = "not in the list" if at is None else f"{at + 1:,} of {table.count(view):,}"
        st.markdown(where, help="Place in the gallery's list, as it is filtered and ordered there.")
        st.button(
            "Next",
            icon=":material/chevron_right:",
            shortcut="Right",
            disabled=place.after is None,
            on_click=_go_to,
            args=(place.after,),
            key="next_image",
        )


def explained(run: Run, image: ChosenImage) -> Target:
    """The "Explain" control: which class, or which contrast of two, the maps are about."""
    names = run.manifest.class_names
    choices: dict[str, Target] = {"Predicted class": image.predicted}
    if image.label is not None:
        choices["True class"] = image.label
    rival = image.label if image.label not in (None, image.predicted) else image.runner_up
    choices[CONTRAST] = (image.predicted, rival)
    choices |= {f"Class: {name}": index for index, name in enumerate(names)}
    with heed_link(state.EXPLAIN, choices, "class to explain"):
        chosen = st.selectbox(
            "Explain",
            list(choices),
            key=state.EXPLAIN,
            bind="query-params",
            width=235,
            help="The maps show what speaks for this class. The contrast shows what speaks for the predicted "
            "class more than for the true one (the runner-up, where the prediction is right): the score "
            "explained is the difference of the two logits.",
        )
    return choices[chosen]


def _view(run: Run) -> Browse:
    """The gallery's view that the picture was opened from: this session's, else the link's."""
    if state.ERRORS_VIEW not in st.session_state:
        text = st.query_params.get(state.LIST, "")
        st.session_state[state.ERRORS_VIEW] = Browse.from_text(text, run.manifest.class_names)
    return st.session_state[state.ERRORS_VIEW]


def _go_to(image: str) -> None:
    st.query_params[state.IMAGE] = image
    st.session_state[state.CURRENT_IMAGE] = image


def _described(run: Run, image: str) -> ChosenImage:
    names = run.manifest.class_names
    if image.startswith(UPLOAD):
        with st.spinner("Loading the learner and looking at the photo…"):
            probabilities = service().probabilities(run, image)
        label, name = None, service().pictures.upload_name(image)
    else:
        table = predictions(run)
        row, probabilities = table.row(image), table.probabilities(image)
        assert row is not None  # asked for above
        label, name = names.index(row["label"]), image
    order = np.argsort(-probabilities, kind="stable")
    return ChosenImage(image, name, label, int(order[0]), int(order[1]), probabilities)
