"""One picture: any methods side by side at every layer, or one method over all layers."""

from __future__ import annotations

import numpy as np
import streamlit as st

from analysis.explain.measures import METRICS
from analysis.explain.report.layers import LayerReport, MethodMap
from analysis.learner.images.examples import image_recipe
from dashboard import state
from dashboard.backend.images import ShortcutEffect, service
from dashboard.chosen import explained
from dashboard.components.page_width import page_width
from dashboard.figures.agreement import agreement_figure, agreement_table, place_figures
from dashboard.figures.layers import layers_figure
from dashboard.figures.multiples import multiples_figure
from dashboard.figures.overlay import CONFIG
from dashboard.figures.panels import comparable
from dashboard.figures.probabilities import probabilities_chart
from dashboard.frame import chosen_run, clear_messages, theme
from dashboard.images.chosen_image import ChosenImage, image_chooser
from dashboard.images.costs import show_costs
from dashboard.images.downloads import download_buttons
from dashboard.images.layer_controls import TITLES, choose_methods, choose_view, display_controls
from dashboard.images.method_progress import leave_others, progress, reader, stopped
from dashboard.pages import page_file

WIDE = 900  # pixels: on a narrower page the picture is below the maps, not beside them
FEW = 4  # with more methods than this the maps take the whole width
CHANGED = 0.05  # probabilities that differ by more than rounding between devices and batch sizes
SCALE_NOTE = (
    "With this head, Grad-CAM × (height × width) of the last layer is the CAM itself: the two differ there only "
    "in scale. "
)
TILE_NOTE = (
    "Cells are drawn as equal tiles of the picture; because of the padding of the convolutions, a cell may see "
    "a part of the picture up to half a tile further up and left than where it is drawn."
)
FUSED_NOTE = "For the fused maps each layer is divided by its largest value first."


def certificate(report: LayerReport) -> None:
    """Show whether the CAM of the last layer adds up to the score that it explains, or why there is none."""
    if "cam" not in report.methods:
        return
    proofs = ((row, row.maps["cam"].certificate) for row in reversed(report.rows))
    row, proof = next(((row, proof) for row, proof in proofs if proof is not None), (report.rows[-1], None))
    note = row.maps["cam"].note
    if proof is None:
        if note:
            st.warning(f"{row.label} has no exact CAM. {note}", icon=":material/rule:")
        return
    score = "the difference of the logits" if isinstance(report.target, tuple) else "the logit"
    if proof.kind == "exact":
        st.success(
            f"CAM at {row.label} is exact: its mean plus the bias is {proof.mean_plus_bias:.4f}, {score} is "
            f"{proof.logit:.4f} (residual {proof.residual:.1e}).",
            icon=":material/verified:",
        )
    else:
        st.warning(
            f"{row.label}: {note} Its mean plus the bias is {proof.mean_plus_bias:.2f}, {score} is "
            f"{proof.logit:.2f} (residual {proof.residual:.2f}).",
            icon=":material/rule:",
        )


def layer_notes(report: LayerReport) -> None:
    """Show what a reader has to know about single layers."""
    for row in report.rows:
        if row.note:
            st.caption(f"{row.label}: {row.note}.")


def show_shortcut_effect(effect: ShortcutEffect, names: tuple[str, ...]) -> None:
    """Show the effect of the shortcut: the same picture drawn again without it."""
    after, before = effect.with_shortcut, effect.without_shortcut
    first, second = st.columns([1, 5], vertical_alignment="center")
    first.image(effect.picture, width="stretch", alt="The same picture drawn without the shortcut")
    second.markdown(
        "**The same picture without the ball, the demo's shortcut.** The demo can draw the same picture again "
        f"without it, so the true effect of the shortcut on the {names[0]} − {names[1]} logit is known: "
        f"**{(after[0] - after[1]) - (before[0] - before[1]):+.2f}** (from {before[0] - before[1]:+.2f} to "
        f"{after[0] - after[1]:+.2f}). A faithful contrast map has to be hot at the shortcut."
    )


def picture_panel(report: LayerReport, image: ChosenImage) -> None:
    """Show the picture as the network receives it."""
    st.image(report.image, width="stretch", caption="What the network sees, decoded", alt=image.name)


def probabilities_panel(report: LayerReport, image: ChosenImage) -> None:
    """Show the class probabilities as bars."""
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
    """Show how far the methods agree, as plots and in numbers."""
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
    image = image_chooser.choose(run)
    if image is None:
        st.stop()
    image_chooser.headline(run, image)
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
        keys = service().maps.job_keys(subject, target, choice.methods)
        leave_others(keys)
        state_now = service().maps.report(subject, target, choice.methods, reader(), stopped(keys))
    report = state_now.report
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
        progress(state_now, keys)
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
        exact = image_recipe(run).head == "linear" and comparable(report.methods)
        st.caption((SCALE_NOTE if exact else "") + TILE_NOTE + (f" {FUSED_NOTE}" if fused else ""))
    if not beside:
        first, second = st.columns([1, 3] if width >= WIDE else 2)
        with first:
            picture_panel(report, image)
        with second:
            probabilities_panel(report, image)

    recipe = image_recipe(run)
    if report.shortcut is not None and recipe.source == "demo" and recipe.task == "species":
        effect = service().shortcut_effect(run, image.id)
        if effect is not None:
            with st.container(border=True):
                show_shortcut_effect(effect, report.class_names)

    agreement_section(report, width)
    show_costs(report, service().precision(run, image.id))
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
