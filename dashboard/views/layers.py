"""One picture: any methods side by side at every layer, or one method over all layers."""

from __future__ import annotations

import numpy as np
import streamlit as st

from analysis.explain.measures import METRICS
from analysis.explain.report.layers import LayerReport, MethodMap
from analysis.runs import Run
from dashboard import state
from dashboard.backend.images import TwinEffect, service
from dashboard.components.page_width import page_width
from dashboard.figures.agreement import agreement_figure, agreement_table, place_figures
from dashboard.figures.layers import layers_figure
from dashboard.figures.multiples import multiples_figure
from dashboard.figures.overlay import CONFIG
from dashboard.figures.panels import comparable
from dashboard.figures.probabilities import probabilities_chart
from dashboard.frame import chosen_run, clear_messages, theme
from dashboard.images.chosen_image import ChosenImage, chosen_image, explained, step_buttons
from dashboard.images.costs import costs
from dashboard.images.downloads import download_buttons
from dashboard.images.layer_controls import TITLES, choose_methods, choose_view, display_controls
from dashboard.images.method_progress import leave_others, progress, reader, stopped
from dashboard.pages import page_file

WIDE = 900  # pixels: on a narrower page the photo stands under the maps, not beside them
FEW = 4  # more methods than these take the whole width
CHANGED = 0.05  # probabilities that differ by more than rounding between devices and batch sizes
SCALE_NOTE = (
    "With this head, Grad-CAM × (height × width) of the last layer is the CAM itself: the two differ there only "
    "in scale. "
)
TILE_NOTE = (
    "Cells are drawn as equal tiles of the picture; the padding of the convolutions makes a cell look up to half "
    "a tile further up and left than where it is drawn."
)
FUSED_NOTE = "For the fused maps each layer is divided by its largest value first."


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


def certificate(report: LayerReport) -> None:
    """Whether the last layer's CAM really adds up to the score it claims to explain, or why there is none."""
    if "cam" not in report.methods:
        return
    row = next((row for row in reversed(report.rows) if row.maps["cam"].certificate is not None), None)
    if row is None:
        last = report.rows[-1]
        if last.maps["cam"].note:
            st.warning(f"{last.label} has no exact CAM. {last.maps['cam'].note}", icon=":material/rule:")
        return
    cam = row.maps["cam"]
    proof = cam.certificate
    score = "the difference of the logits" if isinstance(report.target, tuple) else "the logit"
    if proof.kind == "exact":
        residual = f"residual {proof.residual:.1e}"
        st.success(
            f"CAM at {row.label} is exact: its mean plus the bias is {proof.mean_plus_bias:.4f}, {score} is "
            f"{proof.logit:.4f} ({residual}).",
            icon=":material/verified:",
        )
    else:
        st.warning(
            f"{row.label}: {cam.note} Its mean plus the bias is {proof.mean_plus_bias:.2f}, {score} is "
            f"{proof.logit:.2f} (residual {proof.residual:.2f}).",
            icon=":material/rule:",
        )


def layer_notes(report: LayerReport) -> None:
    """What is to be known about single layers."""
    for row in report.rows:
        if row.note:
            st.caption(f"{row.label}: {row.note}.")


def shortcut_effect(effect: TwinEffect, names: tuple[str, ...]) -> None:
    """The demo's own experiment: the same picture drawn again without the ball."""
    after, before = effect.with_object, effect.without_object
    first, second = st.columns([1, 5], vertical_alignment="center")
    first.image(effect.picture, width="stretch", alt="The same picture drawn without the ball")
    second.markdown(
        "**The same picture without the ball.** The demo can draw this very picture again without the ball, "
        f"its shortcut, so the ball's true effect on the {names[0]} − {names[1]} logit is known: "
        f"**{(after[0] - after[1]) - (before[0] - before[1]):+.2f}** (from {before[0] - before[1]:+.2f} to "
        f"{after[0] - after[1]:+.2f}). A faithful contrast map has to be hot at the ball."
    )


def picture_panel(report: LayerReport, image: ChosenImage) -> None:
    """The picture as the network saw it."""
    st.image(report.image, width="stretch", caption="What the network sees, decoded", alt=image.name)


def probabilities_panel(report: LayerReport, image: ChosenImage) -> None:
    """The class probabilities as bars."""
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


def agreement_section(report: LayerReport, width: int) -> None:
    """How far the methods agree, as plots and in numbers."""
    titles = {name: TITLES[name] for name in report.methods}
    if len(report.methods) > 1:
        st.subheader(f"How far they agree with {titles[report.reference]}, layer by layer")
    else:
        st.subheader("Layer by layer")
    plot, numbers = st.tabs(["Over the layers", "In numbers"])
    with plot:
        figure = agreement_figure(report, titles, theme(), width)
        if figure.data:
            st.plotly_chart(figure, theme=None, key="agreement_figure", config=CONFIG)
        for (place, name), figure in place_figures(report, titles, theme(), width).items():
            st.markdown(f"**{METRICS[name].title} in the {place}**", help=METRICS[name].about)
            st.plotly_chart(figure, theme=None, key=f"{name}_{place}", config=CONFIG)
    numbers.dataframe(agreement_table(report, titles), hide_index=True, alt="Agreement of the methods")


run = chosen_run()
st.title("Layers")
with clear_messages(run):
    width = page_width()
    image = chosen_image(run)
    if image is None:
        st.stop()
    headline(run, image)
    methods = choose_methods()
    if not methods:
        st.info("Choose at least one method.", icon=":material/layers:")
        st.stop()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        target = explained(run, image)
        choice = choose_view(methods)
    controls = st.container(horizontal=True, vertical_alignment="bottom")
    with st.spinner("Loading the learner and explaining the picture…", show_time=True):
        subject = service().subject(run, image.id, choice.precision)
        keys = service().maps.keys(subject, target, choice.methods)
        leave_others(keys)
        shown = service().maps.shown(subject, target, choice.methods, reader(), stopped(keys))
    report = shown.report
    if image.label is not None and np.abs(report.probabilities - image.probabilities).max() > CHANGED:
        st.warning(
            "The picture is not the one that was evaluated: the learner now gives other probabilities. Evaluate "
            f"again: `python -m analysis evaluate --run {run.name} --force`.",
            title="The picture has changed",
        )
    beside = width >= WIDE and choice.method is None and len(methods) <= FEW
    figure_width = round(width * 0.8 - 32) if beside else width
    options = display_controls(report, choice, figure_width, controls)
    if beside:
        side, main = st.columns([1, 4], gap="medium")
        with side:
            picture_panel(report, image)
            probabilities_panel(report, image)
    else:
        main = st.container()
    with main:
        progress(shown, keys)
        fused: tuple[MethodMap, ...] = ()
        if choice.method is None:
            figure, alt = layers_figure(report, options), "The methods side by side, a slider through the layers"
        else:
            fused = service().maps.fused(subject, report, choice.method)
            figure, alt = multiples_figure(report, choice.method, fused, options), "One method at every layer"
        st.plotly_chart(figure, theme=None, key="layers_figure", config=CONFIG, alt=alt)
        st.caption(f"Explained: **{report.target_label}**")
        certificate(report)
        layer_notes(report)
        exact = run.manifest.recipe.head == "linear" and comparable(report.methods)
        st.caption((SCALE_NOTE if exact else "") + TILE_NOTE + (f" {FUSED_NOTE}" if fused else ""))
    if not beside:
        first, second = st.columns([1, 3] if width >= WIDE else 2)
        with first:
            picture_panel(report, image)
        with second:
            probabilities_panel(report, image)

    recipe = run.manifest.recipe
    if report.shortcut is not None and recipe.source == "demo" and recipe.task == "species":
        effect = service().twin_effect(run, image.id)
        if effect is not None:
            with st.container(border=True):
                shortcut_effect(effect, report.class_names)

    agreement_section(report, width)
    costs(report, service().precision(run, image.id))
    with st.container(horizontal=True):
        download_buttons(report, image.name, options, choice.method, fused)
        st.page_link(
            page_file("methods"),
            label="What the methods do",
            icon=":material/menu_book:",
            query_params={state.RUN: run.name},
        )
        st.page_link(
            page_file("keepdim"),
            label="The same picture without keepdim",
            icon=":material/compress:",
            query_params={state.RUN: run.name, state.IMAGE: image.id},
        )
