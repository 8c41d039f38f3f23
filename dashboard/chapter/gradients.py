"""Questions 10 to 13: context managers, inner layers and the backward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.chapter.elements import shape_text, show_code, show_error, show_question, show_table
from dashboard.chapter.experiments import Experiments
from dashboard.figures.tiles import overlay
from dashboard.frame import heed_link
from dashboard.pages import page_file

if TYPE_CHECKING:
    from analysis.chapter.backward import GradientCheck, StartingPoint
    from analysis.chapter.context import HookCounts
    from analysis.chapter.execution import Execution
    from analysis.chapter.inner import InnerLayer
    from analysis.chapter.subject import Subject
    from dashboard.backend.residents import Resident


def show(experiments: Experiments) -> None:
    """Show questions 10 to 13 and links to the further research."""
    show_context_managers(experiments)
    show_inner_layers(experiments)
    show_why_backward(experiments)
    show_scalar_outputs(experiments)
    show_further_research(experiments)


def show_context_managers(experiments: Experiments) -> None:
    """Show question 10."""
    show_question(
        10,
        "What is a context manager?",
        "An object that runs some code when a `with` block begins and some when it ends, **also** if it ends "
        "with an error. It needs two methods, `__enter__` and `__exit__`. Here a picture with one colour channel "
        "raises an error inside the block, once with a context manager and once where `handle.remove()` stands "
        "at the end.",
    )

    def experiment(
        subject: Subject, resident: Resident
    ) -> tuple[Execution[HookCounts], Execution[HookCounts], str]:
        from analysis.chapter.context import failures

        return failures(subject)

    with_manager, without_manager, methods = experiments.perform("context", experiment)
    show_table(
        [
            (name, counts.before, counts.inside, counts.after)
            for name, counts in (
                ("with ForwardHook(...)", with_manager.result),
                ("handle.remove() at the end", without_manager.result),
            )
        ],
        ["code", "hooks before", "inside", "after the error"],
        alt="Hooks before, inside and after an error",
    )
    show_error(with_manager.result.error)
    show_code(methods, with_manager.source, without_manager.source)


def show_inner_layers(experiments: Experiments) -> None:
    """Show question 11."""
    show_question(
        11,
        "Why not plain CAM at inner layers?",
        "The class weights come from the last Linear: one for each channel of the **last** layer. An inner "
        "layer has other channels, and nothing in the network says how much each one counts for a class. A "
        "linear probe can be trained to say it, but then the map shows what the probe uses, not the network.",
    )
    image = experiments.image

    def experiment(subject: Subject, resident: Resident) -> tuple[InnerLayer, ...]:
        from analysis.chapter.inner import inner_layers

        return inner_layers(subject, resident.probes, image.predicted)

    layers = experiments.perform("inner", experiment)
    show_table(
        [
            (
                row.layer,
                shape_text(row.activation_shape),
                f"raises {row.product.error.split(':')[0]}"
                if row.product.error
                else f"works: {shape_text(row.product.result)}",
                None if row.probe_accuracy is None else f"{row.probe_accuracy:.1%}",
            )
            for row in layers
        ],
        ["layer", "activation", "class weights × activation", "accuracy of the probe"],
        alt="The class weights multiplied with the activation of every stage",
    )
    layer = chosen_layer([row.layer for row in layers])
    row = next(row for row in layers if row.layer == layer)
    left, right = st.columns([3, 1], gap="large", vertical_alignment="center")
    with left:
        st.markdown(
            f"At `{row.layer}` ({shape_text(row.activation_shape)}) the product with the class weights gives:"
        )
        if row.product.error:
            show_error(row.product.error)
        else:
            st.info(
                "No error, because the numbers of channels agree. The weights belong to the channels only at "
                "the layer that the head reads."
            )
        if row.probe_map is not None:
            st.markdown(
                f"The linear probe gets **{row.probe_accuracy:.1%}** of the validation pictures right from this "
                f"layer alone. The mean of its map plus its bias is {row.mean_plus_bias:.4f}; its logit is "
                f"{row.probe_logit:.4f}."
            )
    if row.probe_map is not None:
        right.image(
            overlay(experiments.picture(), row.probe_map),
            width="stretch",
            caption=f"CAM of the probe for {experiments.class_names[image.predicted]}",
        )
    show_code(row.product.source)


def show_why_backward(experiments: Experiments) -> None:
    """Show question 12."""
    show_question(
        12,
        "Why does Grad-CAM need the backward pass?",
        "It needs weights at layers where the network has none, and takes them from the gradient: by how much "
        "the class's score would rise if a channel rose. Gradients exist only after `backward()`, and PyTorch "
        "does not keep those of inner tensors, so a hook has to store them while they are computed.",
    )
    image = experiments.image

    body, names = experiments.perform("stages", _body_and_stages)
    layer = chosen_layer(names, selectbox=False)

    def experiment(subject: Subject, resident: Resident) -> tuple[Execution[GradientCheck], str]:
        from analysis.chapter.backward import check_gradient

        return check_gradient(subject, layer, image.predicted)

    def experiment_at_body(subject: Subject, resident: Resident) -> Execution[GradientCheck]:
        from analysis.chapter.backward import check_gradient

        return check_gradient(subject, subject.body, image.predicted)[0]

    execution, measuring_code = experiments.perform(("gradients", layer), experiment)
    check = execution.result
    body_check = experiments.perform("gradients at the body", experiment_at_body).result
    cells = st.grid(4, min_column_width=170)
    cells.metric("Gradient after the forward pass", "stored" if check.available_after_forward else "None")
    cells.metric("After the backward pass", shape_text(check.gradient_shape))
    cells.metric("Change predicted by the gradient", f"{check.predicted_change:+.5f}")
    cells.metric("Change measured", f"{check.measured_change:+.5f}")
    left, right = st.columns([3, 1], gap="large", vertical_alignment="center")
    with left:
        st.markdown(
            f"For the last two numbers, channel {check.channel} of `{layer}` is raised by {check.amount:.2g} at "
            f"every location. They are the change of the logit of **{experiments.class_names[image.predicted]}**."
        )
        if body_check.class_weight_difference is not None:
            st.markdown(
                f"At the layer that CAM reads (`{_python_name(body)}`) the means of the gradient, times the "
                "number of locations, **are** the class weights: they differ by "
                f"{body_check.class_weight_difference:.0e} of the largest. So Grad-CAM equals CAM there, up to "
                "this factor; at inner layers it is a replacement for it."
            )
    right.image(overlay(experiments.picture(), check.gradcam), width="stretch", caption=f"Grad-CAM at {layer}")
    show_code(execution.source, measuring_code)


def show_scalar_outputs(experiments: Experiments) -> None:
    """Show question 13."""
    show_question(
        13,
        "Why not simply output.backward()?",
        "A gradient says how **one number** changes. The output is a table, pictures × classes, and PyTorch "
        "raises an error unless it knows which of its numbers is meant. Below are three ways to say so, and the "
        "map that each of them gives.",
    )
    image = experiments.image

    layer = chosen_layer(experiments.perform("stages", _body_and_stages)[1], selectbox=False)

    def experiment(subject: Subject, resident: Resident) -> tuple[Execution[None], tuple[StartingPoint, ...]]:
        from analysis.chapter.backward import starting_points

        return starting_points(subject, layer, image.predicted)

    failure, points = experiments.perform(("starting points", layer), experiment)
    show_error(failure.error)
    for point in points:
        left, right = st.columns([3, 1], gap="large", vertical_alignment="center")
        left.markdown(f"**{point.name}**")
        left.code(point.source, language="python")
        same = (
            "The same gradient"
            if point.gradient_difference == 0
            else f"The gradient differs by {point.gradient_difference:.0%} of its largest value"
        )
        comparison = f"{same}; correlation of the maps {point.correlation:+.2f}."
        left.caption("The other two are compared with this one." if point is points[0] else comparison)
        right.image(overlay(experiments.picture(), point.gradcam), width="stretch", caption=f"Grad-CAM at {layer}")
    show_code(failure.source, label="The line that raises the error")


def show_further_research(experiments: Experiments) -> None:
    """Show links to the pages that answer the book's suggestions for further research."""
    st.subheader("Further research", anchor="further")
    with st.container(horizontal=True):
        query = {state.RUN: experiments.run.name, state.IMAGE: experiments.image.id}
        st.page_link(page_file("keepdim"), label="Without keepdim", icon=":material/compress:", query_params=query)
        st.page_link(
            page_file("ablation"),
            label="Every other step of Grad-CAM",
            icon=":material/science:",
            query_params=query,
        )
        st.page_link(page_file("reviews"), label="The words of a review", icon=":material/article:")


def chosen_layer(names: list[str], selectbox: bool = True) -> str:
    """Return the layer that questions 11 to 13 are about: the reader's choice, else the last inner stage.

    With `selectbox`, show the control to choose it; only one question may show it.
    """
    if selectbox:
        with heed_link(state.CHAPTER_LAYER, names, "layer"):
            return st.selectbox(
                "Layer to look at (also in questions 12 and 13)",
                names,
                index=max(0, len(names) - 2),
                key=state.CHAPTER_LAYER,
                bind="query-params",
                width=320,
            )
    return st.session_state.get(state.CHAPTER_LAYER) or names[max(0, len(names) - 2)]


def _body_and_stages(subject: Subject, resident: Resident) -> tuple[str, list[str]]:
    return subject.body, [info.name for info in subject.stages]


def _python_name(name: str) -> str:
    return f"learn.model[{name}]" if name.isdigit() else name
