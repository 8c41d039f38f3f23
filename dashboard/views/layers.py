"""One picture: CAM beside Grad-CAM at every layer."""

from __future__ import annotations

import io

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.explain.report import LayerReport
from analysis.runs import Run
from dashboard import state
from dashboard.chosen_image import ChosenImage, chosen_image, explained, step_buttons
from dashboard.figures.agreement import agreement_figure, agreement_table
from dashboard.figures.layers import layers_figure
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.overlay import CONFIG
from dashboard.figures.palette import colour_scales
from dashboard.figures.png import view_png
from dashboard.figures.probabilities import probabilities_chart
from dashboard.frame import KEEPDIM_PAGE, chosen_run, clear_messages, heed_link, theme
from dashboard.service import TwinEffect, service

CHANGED = 0.05  # probabilities that differ by more than rounding between devices and batch sizes
SCALE_NOTE = (
    "With this head, Grad-CAM × (height × width) of the last layer is the CAM itself: the two differ there only "
    "in scale. "
)
TILE_NOTE = (
    "Cells are drawn as equal tiles of the picture; the padding of the convolutions makes a cell look up to half "
    "a tile further up and left than where it is drawn."
)


def headline(run: Run, image: ChosenImage) -> None:
    """The picture's name, what it is and what the learner took it for."""
    names = run.manifest.class_names
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        sure = f"{image.probabilities[image.predicted]:.1%}"
        if image.label is None:
            st.markdown(f"**{image.name}** · predicted **{names[image.predicted]}** ({sure})")
        else:
            verdict = ":green-badge[right]" if image.label == image.predicted else ":red-badge[wrong]"
            st.markdown(
                f"**{image.name}** · true **{names[image.label]}** · predicted "
                f"**{names[image.predicted]}** ({sure}) {verdict}"
            )
        step_buttons(run, image)


def display_controls(report: LayerReport, place: DeltaGenerator) -> LayerViewOptions:
    """How the maps are drawn, as part of the page's link; opacity and outlines are set within the figure."""
    labels = [row.label for row in report.rows]
    heed_link(state.LAYER, labels, "layer")
    with place:
        layer = st.selectbox(
            "Open at layer",
            range(len(labels)),
            index=len(labels) - 1,
            format_func=labels.__getitem__,
            key=state.LAYER,
            bind="query-params",
            width=230,
            help="Where the slider below the maps stands when they are drawn. The slider itself asks the "
            "server for nothing.",
        )
        relu = st.toggle(
            "ReLU",
            key=state.RELU,
            bind="query-params",
            help="Keep only what speaks for the class, as in the Grad-CAM paper. The book shows the signed map.",
        )
        colours = st.selectbox(
            "Colours",
            colour_scales(relu),
            key=f"{state.COLOURS}_relu" if relu else state.COLOURS,
            bind="query-params",
            width=120,
            help="A signed map gets a diverging scale around zero; after ReLU a map has one sign.",
        )
        smooth = st.toggle(
            "Smooth",
            key=state.SMOOTH,
            bind="query-params",
            help="Interpolate between the cells. Off shows the cells that the network really has.",
        )
        same = st.toggle(
            "Same scale for both",
            key=state.SAME_SCALE,
            bind="query-params",
            help="CAM and Grad-CAM are drawn with one colour bar, so that their values can be compared.",
        )
    return LayerViewOptions(
        layer=layer,
        relu=relu,
        smooth=smooth,
        colours=colours,
        same_scale=same,
        pet_outline=True,
        shortcut_outline=True,
        theme=theme(),
    )


def raw_maps(report: LayerReport) -> bytes:
    """The signed maps of all layers as an NPZ file: `cam/<layer>`, `gradcam/<layer>`, logits, class names."""
    arrays: dict[str, np.ndarray] = {
        "logits": report.logits,
        "class_names": np.array(report.class_names),
        "target": np.array(report.target),
    }
    for row in report.rows:
        arrays[f"gradcam/{row.layer.name}"] = row.gradcam
        if row.cam is not None:
            arrays[f"cam/{row.layer.name}"] = row.cam
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def certificate(report: LayerReport) -> None:
    """Whether the last layer's CAM really adds up to the score it claims to explain, or why there is none."""
    row = next((row for row in reversed(report.rows) if row.certificate is not None), None)
    if row is None:
        last = report.rows[-1]
        if last.cam_note:
            st.warning(f"{last.label} has no exact CAM. {last.cam_note}", icon=":material/rule:")
        return
    proof = row.certificate
    score = "the difference of the logits" if isinstance(report.target, tuple) else "the logit"
    if proof.kind == "exact":
        st.success(
            f"CAM at {row.label} is exact: its mean plus the bias is {proof.mean_plus_bias:.4f}, {score} is "
            f"{proof.logit:.4f} (residual {proof.residual:.1e}).",
            icon=":material/verified:",
        )
    else:
        st.warning(
            f"{row.label}: {row.cam_note} Its mean plus the bias is {proof.mean_plus_bias:.2f}, {score} is "
            f"{proof.logit:.2f} (residual {proof.residual:.2f}).",
            icon=":material/rule:",
        )


def planted_object(effect: TwinEffect, names: tuple[str, ...]) -> None:
    """The demo's own experiment: the same picture drawn again without the ball."""
    after, before = effect.with_object, effect.without_object
    first, second = st.columns([1, 5], vertical_alignment="center")
    first.image(effect.picture, width="stretch", alt="The same picture drawn without the ball")
    second.markdown(
        "**The same picture without the ball.** The demo can draw this very picture again without the ball that "
        f"it planted, so the ball's true effect on the {names[0]} − {names[1]} logit is known: "
        f"**{(after[0] - after[1]) - (before[0] - before[1]):+.2f}** (from {before[0] - before[1]:+.2f} to "
        f"{after[0] - after[1]:+.2f}). A faithful contrast map has to be hot at the ball."
    )


run = chosen_run()
st.title("Layers")
with clear_messages(run):
    image = chosen_image(run)
    if image is None:
        st.stop()
    headline(run, image)
    controls = st.container(horizontal=True, vertical_alignment="bottom")
    with controls:
        target = explained(run, image)
    with st.spinner("Loading the learner and explaining the picture…", show_time=True):
        report = service().report(run, image.id, target)

    if image.label is not None and np.abs(report.probabilities - image.probabilities).max() > CHANGED:
        st.warning(
            "The picture is not the one that was evaluated: the learner now gives other probabilities. Evaluate "
            f"again: `python -m analysis evaluate --run {run.name} --force`.",
            title="The picture has changed",
        )
    options = display_controls(report, controls)
    side, main = st.columns([1, 4], gap="medium")
    with side:
        st.image(report.image, width="stretch", caption="What the network sees, decoded", alt=image.name)
        st.altair_chart(
            probabilities_chart(
                report.class_names,
                report.probabilities,
                None if image.label is None else report.class_names[image.label],
                report.class_names[image.predicted],
                theme=theme(),
            ),
            alt="Class probabilities",
        )
    with main:
        st.plotly_chart(
            layers_figure(report, options),
            theme=None,
            key="layers_figure",
            config=CONFIG,
            alt="CAM beside Grad-CAM with a slider through the layers",
        )
        st.caption(f"Explained: **{report.target_label}**")
        certificate(report)
        exact = run.manifest.recipe.head == "linear" and report.rows[-1].cam_kind == "exact"
        st.caption(SCALE_NOTE + TILE_NOTE if exact else TILE_NOTE)

    recipe = run.manifest.recipe
    if report.shortcut is not None and recipe.source == "demo" and recipe.task == "species":
        effect = service().twin_effect(run, image.id)
        if effect is not None:
            with st.container(border=True):
                planted_object(effect, report.class_names)

    st.subheader("How far the two agree, layer by layer")
    plot, numbers = st.tabs(["Over the layers", "In numbers"])
    plot.plotly_chart(agreement_figure(report, theme=theme()), theme=None, key="agreement_figure", config=CONFIG)
    numbers.dataframe(agreement_table(report), hide_index=True, alt="Agreement of CAM and Grad-CAM")
    with st.container(horizontal=True):
        stem = image.name.rsplit("/", 1)[-1].rsplit(".", 1)[0].replace(" ", "-")
        st.download_button(
            f"PNG of {report.rows[options.layer].label.split(' · ')[0]}",
            data=lambda: view_png(report, options.layer, options),
            file_name=f"{stem}-layer-{options.layer + 1}.png",
            mime="image/png",
            icon=":material/image:",
            on_click="ignore",
            help="The whole view of the layer chosen at “Open at layer”, with the colours and switches set above.",
        )
        st.download_button(
            "Raw maps as NPZ",
            data=lambda: raw_maps(report),
            file_name=f"{stem}-maps.npz",
            mime="application/octet-stream",
            icon=":material/data_array:",
            on_click="ignore",
            help="Signed float32 maps of every layer at its own resolution, for numpy.load.",
        )
        st.page_link(
            KEEPDIM_PAGE,
            label="The same picture without keepdim",
            icon=":material/compress:",
            query_params={state.RUN: run.name, state.IMAGE: image.id},
        )
