"""The book's further research: what happens to the map when `keepdim=True` is left out."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from analysis.explain.studies.keepdim import KeepdimCase
from dashboard import state
from dashboard.backend.images import service
from dashboard.chosen import explained
from dashboard.components.page_width import page_width
from dashboard.figures.keepdim import CELL, keepdim_figure, keepdim_table_chart
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.overlay import CONFIG
from dashboard.frame import chosen_run, clear_messages, heed_link, theme
from dashboard.images.chosen_image import image_chooser

BATCHES = (1, 2, 8, 16, 24, 32, 64)
SIZES = (64, 96, 128, 160, 192, 224, 256, 288, 320, 384, 448, 512)
TWO_COLUMNS = 800  # pixels: on a narrower page the two ways are one below the other
NETWORKS = {"learner": "This learner", "resnet34": "The chapter's resnet34, untrained"}
VERDICTS = {
    "raises": "Without `keepdim=True` PyTorch raises an error.",
    "silent": "Without `keepdim=True` nothing is raised, and the map is **wrong**.",
    "right": "Without `keepdim=True` the map happens to be right.",
}


def shape(case: KeepdimCase) -> str:
    """Return the shape of the activations, as "64 × 64 × 64"."""
    return " × ".join(str(dim.activations) for dim in case.right_alignment)


def alignment(case: KeepdimCase, with_keepdim: bool) -> pd.DataFrame:
    """Return the sizes one below the other as PyTorch aligns them, from the right."""
    dims = case.right_alignment if with_keepdim else case.alignment
    rows = {
        "weights": ["—" if dim.weights is None else str(dim.weights) for dim in dims],
        "activations": [str(dim.activations) for dim in dims],
        "product": ["clash" if dim.product is None else str(dim.product) for dim in dims],
    }
    columns = [f"dim {index - len(dims)}" for index in range(len(dims))]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def steps(case: KeepdimCase, with_keepdim: bool) -> None:
    """Show the lines of code and the shapes of their results, then how the product aligns."""
    st.markdown("**with** `keepdim=True`" if with_keepdim else "**without** `keepdim`")
    lines = case.right_steps if with_keepdim else case.steps
    st.dataframe(pd.DataFrame(lines, columns=["code", "gives"]), hide_index=True)
    st.caption("How PyTorch aligns the product, from the right:")
    st.table(alignment(case, with_keepdim))


run = chosen_run()
st.title("Keepdim")
with clear_messages(run):
    width = page_width()
    image = image_chooser.choose(run)
    if image is None:
        st.stop()
    st.write(
        "Grad-CAM weighs every channel by the mean of its gradient. Without `keepdim=True` the mean has two "
        "dimensions less, and PyTorch aligns the weights with the **columns** of the map."
    )
    image_chooser.headline(run, image)
    with (
        heed_link(state.NETWORK, NETWORKS.values(), "network"),
        heed_link(state.INPUT_SIZE, [str(size) for size in SIZES], "input size"),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        network = st.selectbox(
            "Network",
            list(NETWORKS),
            format_func=NETWORKS.__getitem__,
            key=state.NETWORK,
            bind="query-params",
            width=250,
            help="Only the shapes decide what happens. The chapter's ResNet-34 has a layer of 64 × 64 × 64 at 256 "
            "pixels.",
        )
        size = st.select_slider(
            "Input size (pixels)", SIZES, 256, key=state.INPUT_SIZE, bind="query-params", width=240
        )
        batched = st.toggle(
            "Batched",
            key=state.BATCHED,
            bind="query-params",
            help="(B, C) × (B, C, h, w) for a whole batch, in place of (C) × (C, h, w) for one picture.",
        )
        copies = st.selectbox(
            "Batch size",
            BATCHES,
            key=state.BATCH,
            bind="query-params",
            width=110,
            disabled=not batched,
            help="How many copies of the picture are in the batch. Without keepdim, B is aligned with the height "
            "of the map.",
        )
        target = explained(run, image)
    chapter = network == "resnet34"
    batch = copies if batched else None
    with st.spinner("Running the network at this size…", show_time=True):
        cases = service().keepdim_cases(run, image.id, size, target, batch, chapter)
        picture = service().pictures.view(run, image.id, size)
    names = list(cases)
    silent = next((name for name in names if cases[name].outcome == "silent"), names[-1])
    layer_key = f"{state.KEEPDIM_LAYER}_{network}"
    layer = st.selectbox(
        "Layer",
        names,
        index=names.index(silent),
        width=250,
        key=layer_key,
        bind="query-params",
        help="Opens at a layer where the wrong map is silent, if there is one at this input size.",
    )
    case = cases[layer]
    verdict = f"`{layer}` is {shape(case)} here. {VERDICTS[case.outcome]}"
    {"raises": st.info, "silent": st.error, "right": st.success}[case.outcome](verdict)
    if case.error:
        st.code(case.error, language=None, wrap_lines=True)
    options = LayerViewOptions(smooth=False, theme=theme(), width=width)
    st.plotly_chart(keepdim_figure(case, picture, options), theme=None, key="keepdim_figure", config=CONFIG)
    without, with_it = st.columns(2, gap="large") if width >= TWO_COLUMNS else (st.container(), st.container())
    with without:
        steps(case, with_keepdim=False)
    with with_it:
        steps(case, with_keepdim=True)

    st.subheader("Every layer at every input size")
    st.caption("Click a cell to see that case above.")
    with st.spinner("Computing the shapes…"):
        table = service().keepdim_table(run, SIZES, batch, chapter)

    def show_cell() -> None:
        picked = st.session_state["keepdim_table"]["selection"].get(CELL) or []
        if picked:
            st.session_state[state.INPUT_SIZE] = picked[0]["size"]
            st.session_state[layer_key] = picked[0]["layer"]

    st.altair_chart(
        keepdim_table_chart(table, theme=theme()),
        on_select=show_cell,
        selection_mode=CELL,
        key="keepdim_table",
        alt="Layer by input size: raises, silent or right",
    )
