"""The Layers page's controls, every one of them part of its link."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.explain.methods import METHODS
from analysis.explain.report.layers import DEFAULT_METHODS, LayerReport
from dashboard import state
from dashboard.backend.images import AUTO
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.palette import colour_scales
from dashboard.figures.panels import comparable
from dashboard.frame import heed_link, theme

TITLES = {name: method.title for name, method in METHODS.items()}
SIDE_BY_SIDE, ONE_METHOD = "Methods side by side", "One method over all layers"
PRECISIONS = {AUTO: "Auto", "fp32": "float32", "bf16": "bfloat16"}


@dataclass(frozen=True)
class Choice:
    """What to compute, and in which of the two views to show it; `method` is the one of the second view."""

    methods: tuple[str, ...]
    precision: str
    method: str | None = None


def choose_methods() -> tuple[str, ...]:
    """Return the methods to compute, in the order in which they were chosen; empty where all were removed."""
    with heed_link(state.METHODS, TITLES.values(), "method"):
        return tuple(
            st.multiselect(
                "Methods",
                list(TITLES),
                default=list(DEFAULT_METHODS),
                format_func=TITLES.__getitem__,
                key=state.METHODS,
                bind="query-params",
                wrap=True,
                help="One panel each, in this order. All of them share one forward and one backward pass; those "
                "that run the network many times are computed in the background and can be stopped. The Methods "
                "page says what each does.",
            )
        )


def choose_view(methods: tuple[str, ...]) -> Choice:
    """Return the choice of the view and of the precision."""
    with heed_link(state.VIEW, (SIDE_BY_SIDE, ONE_METHOD), "view"):
        view = st.segmented_control(
            "View",
            [SIDE_BY_SIDE, ONE_METHOD],
            default=SIDE_BY_SIDE,
            required=True,
            key=state.VIEW,
            bind="query-params",
            help="Side by side: every method at one layer, with a slider through the layers. Over all layers: one "
            "method at every layer, and its layers fused into one map.",
        )
    method = None
    if view == ONE_METHOD:
        with heed_link(state.ONE_METHOD, [TITLES[name] for name in methods], "method among the chosen ones"):
            method = st.selectbox(
                "Over all layers",
                methods,
                format_func=TITLES.__getitem__,
                key=state.ONE_METHOD,
                bind="query-params",
                width=210,
            )
    with heed_link(state.PRECISION, PRECISIONS.values(), "precision"):
        precision = st.selectbox(
            "Precision",
            list(PRECISIONS),
            format_func=PRECISIONS.__getitem__,
            key=state.PRECISION,
            bind="query-params",
            width=120,
            help="What the network computes in. Auto takes bfloat16 where it was measured to be faster here with "
            "the same maps; the page says below the maps what it chose and why.",
        )
    return Choice(methods, precision, method)


def display_controls(report: LayerReport, choice: Choice, width: int, place: DeltaGenerator) -> LayerViewOptions:
    """Return how the maps are drawn; opacity and outlines are set inside the figure."""
    labels = [row.label for row in report.rows]
    layer, same = len(labels) - 1, False
    with place:
        if choice.method is None:
            with heed_link(state.LAYER, labels, "layer"):
                layer = st.selectbox(
                    "Open at layer",
                    range(len(labels)),
                    index=layer,
                    format_func=labels.__getitem__,
                    key=state.LAYER,
                    bind="query-params",
                    width=230,
                    help="The layer at which the slider above the maps starts. Moving the slider does not "
                    "need the server.",
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
        if choice.method is None and comparable(report.methods):
            same = st.toggle(
                "CAM and Grad-CAM on one scale",
                key=state.SAME_SCALE,
                bind="query-params",
                help="CAM and Grad-CAM are converted to one unit and drawn with one range of colours, so that "
                "their values can be compared. The other methods have units of their own.",
            )
    return LayerViewOptions(
        layer=layer,
        relu=relu,
        smooth=smooth,
        colours=colours,
        same_scale=same,
        animal_outline=True,
        shortcut_outline=True,
        theme=theme(),
        width=width,
    )
