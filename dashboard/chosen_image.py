"""The picture that the Layers and Keepdim pages are about, and the way to the next one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from analysis.browse import Browse, browse, neighbours
from analysis.runs import Run
from dashboard import state
from dashboard.caches import predictions
from dashboard.frame import ERRORS_PAGE, heed_link
from dashboard.service import UPLOAD, Target, service

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
    order = _order(run)
    known = image is not None and (image.startswith(UPLOAD) or bool((table["path"] == image).any()))
    if asked and not known:
        st.error(
            f"The link names the picture “{asked[:80]}”, which is not in this learner's validation set.",
            title="No such picture",
        )
        st.page_link(ERRORS_PAGE, label="Choose one among the errors", icon=":material/photo_library:")
        return None
    if not known:
        if order.empty:  # the gallery's filters left nothing over
            order = browse(table, Browse())
        if order.empty:
            st.info("There is no mistake to look at. Choose any picture in the gallery.")
            st.page_link(ERRORS_PAGE, label="To the gallery", icon=":material/photo_library:")
            return None
        image = order["path"].iloc[0]
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
    order = _order(run)
    position, before, after = neighbours(order, image.id)
    with st.container(horizontal=True, vertical_alignment="center", width="content"):
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            shortcut="Left",
            disabled=before is None,
            on_click=_go_to,
            args=(before,),
            key="previous_image",
        )
        where = f"{position + 1} of {len(order)}" if position is not None else "not in the list"
        st.markdown(where, help="Place in the gallery's list, as it is filtered and ordered there.")
        st.button(
            "Next",
            icon=":material/chevron_right:",
            shortcut="Right",
            disabled=after is None,
            on_click=_go_to,
            args=(after,),
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


def _order(run: Run) -> pd.DataFrame:
    return browse(predictions(run), _view(run))


def _go_to(image: str) -> None:
    st.query_params[state.IMAGE] = image
    st.session_state[state.CURRENT_IMAGE] = image


def _described(run: Run, image: str) -> ChosenImage:
    table = predictions(run)
    names = run.manifest.class_names
    if image.startswith(UPLOAD):
        with st.spinner("Loading the learner and looking at the photo…"):
            probabilities = service().probabilities(run, image)
        label, name = None, service().upload_name(image)
    else:
        row = table[table["path"] == image].iloc[0]
        probabilities = np.asarray(row["probabilities"], dtype=np.float32)
        label, name = names.index(row["label"]), image
    order = np.argsort(-probabilities, kind="stable")
    return ChosenImage(image, name, label, int(order[0]), int(order[1]), probabilities)
