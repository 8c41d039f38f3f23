"""Questions 10 to 13: context managers, inner layers, and the backward pass."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.chapter.asking import Lesson, code, error, question, rows, shape
from dashboard.figures.tiles import overlay
from dashboard.frame import KEEPDIM_PAGE, RECIPE_PAGE, REVIEWS_PAGE, heed_link
from dashboard.service import service


def part(lesson: Lesson) -> None:
    """Context managers, why CAM stops at the last layer, and what Grad-CAM does about it."""
    context_managers(lesson)
    inner_layers(lesson)
    why_backward(lesson)
    scalar_outputs(lesson)
    further(lesson)


def context_managers(lesson: Lesson) -> None:
    """Question 10."""
    question(
        10,
        "What is a context manager?",
        "An object that does something on entering a `with` block and something on leaving it, **however** it "
        "is left. It needs two methods, `__enter__` and `__exit__`. Here an error is thrown inside, by feeding "
        "a picture of one colour channel, once with a context manager and once with the hook removed by hand.",
    )

    def experiment(subject, resident):
        from analysis.chapter.context import failures

        return failures(subject)

    managed, by_hand, methods = lesson.ask("context", experiment)
    rows(
        [
            ("with ForwardHook(...)", managed.result.before, managed.result.inside, managed.result.after),
            ("handle.remove() by hand", by_hand.result.before, by_hand.result.inside, by_hand.result.after),
        ],
        ["way", "hooks before", "inside", "after the error"],
        alt="Hooks before, inside and after an error",
    )
    error(managed.result.error)
    code(methods, managed.code, by_hand.code)


def inner_layers(lesson: Lesson) -> None:
    """Question 11."""
    question(
        11,
        "Why not plain CAM at inner layers?",
        "The class weights come from the last Linear: one for each channel of the **last** layer. An inner "
        "layer has other channels, and nothing in the network says how much each speaks for a class. A linear "
        "probe can be trained to say it, but then the map is the probe's and not the network's.",
    )
    image = lesson.image

    def experiment(subject, resident):
        from analysis.chapter.inner import inner_layers as tried

        return tried(subject, resident.probes, image.predicted)

    layers = lesson.ask("inner", experiment)
    rows(
        [
            (
                row.layer,
                shape(row.activation),
                f"raises {row.tried.error.split(':')[0]}"
                if row.tried.error
                else f"fits: {shape(row.tried.value)}",
                None if row.accuracy is None else f"{row.accuracy:.1%}",
            )
            for row in layers
        ],
        ["layer", "activation", "its product with the class weights", "probe's accuracy"],
        alt="The class weights tried on every stage",
    )
    layer = chosen_layer([row.layer for row in layers])
    row = next(row for row in layers if row.layer == layer)
    left, right = st.columns([3, 1], gap="large", vertical_alignment="center")
    with left:
        st.markdown(f"At `{row.layer}` ({shape(row.activation)}) the class weights give:")
        if row.tried.error:
            error(row.tried.error)
        else:
            st.info(
                "No error: the sizes agree. Only at the layer that the head reads do the weights belong there."
            )
        if row.probe_map is not None:
            st.markdown(
                f"The probe's answer: it gets **{row.accuracy:.1%}** of the validation pictures right from this "
                f"layer alone. Its map averages, with its bias, to {row.mean_plus_bias:.4f}; its own logit is "
                f"{row.probe_logit:.4f}."
            )
    if row.probe_map is not None:
        right.image(
            overlay(picture(lesson), row.probe_map),
            width="stretch",
            caption=f"CAM of the probe for {lesson.names[image.predicted]}",
        )
    code(row.tried.code)


def why_backward(lesson: Lesson) -> None:
    """Question 12."""
    question(
        12,
        "Why does Grad-CAM need the backward pass?",
        "It needs weights where the network has none, and takes them from the gradient: by how much the "
        "class's score would rise if a channel rose. Gradients exist only after `backward()`, and PyTorch "
        "keeps those of inner tensors for nobody, so a hook has to catch them as they pass.",
    )
    image = lesson.image

    def layers(subject, resident):
        return subject.body, [info.name for info in subject.stages]

    body, names = lesson.ask("stages", layers)
    layer = chosen_layer(names, show=False)

    def experiment(subject, resident):
        from analysis.chapter.backward import gradients

        return gradients(subject, layer, image.predicted)

    def at_the_end(subject, resident):
        from analysis.chapter.backward import gradients

        return gradients(subject, subject.body, image.predicted)[0]

    ran, check = lesson.ask(("gradients", layer), experiment)
    found, last = ran.result, lesson.ask("gradients at the end", at_the_end).result
    cells = st.grid(4, min_column_width=170)
    cells.metric("Gradient after the forward pass", "there" if found.after_forward else "None")
    cells.metric("After the backward pass", shape(found.gradient))
    cells.metric("What the gradient foretells", f"{found.predicted:+.5f}")
    cells.metric("What really happens", f"{found.measured:+.5f}")
    left, right = st.columns([3, 1], gap="large", vertical_alignment="center")
    with left:
        st.markdown(
            f"The last two: at `{layer}` channel {found.channel} is raised everywhere by {found.amount:.2g}, "
            f"and the logit of **{lesson.names[image.predicted]}** changes as its gradient said it would."
        )
        if last.class_weights is not None:
            st.markdown(
                f"At the layer that CAM reads (`{_in_python(body)}`) the gradients' means, times the number of "
                f"locations, **are** the class weights: they differ by {last.class_weights:.0e} of the largest. "
                "So Grad-CAM there is CAM, and everywhere else it is the nearest thing to it."
            )
    right.image(overlay(picture(lesson), found.gradcam), width="stretch", caption=f"Grad-CAM at {layer}")
    code(ran.code, check)


def scalar_outputs(lesson: Lesson) -> None:
    """Question 13."""
    question(
        13,
        "Why not simply output.backward()?",
        "A gradient says how **one number** changes. The output is a table, pictures × classes: without being "
        "told which of its numbers is meant, PyTorch refuses. Three ways to tell it, with what comes of each:",
    )
    image = lesson.image

    def layers(subject, resident):
        return subject.body, [info.name for info in subject.stages]

    layer = chosen_layer(lesson.ask("stages", layers)[1], show=False)

    def experiment(subject, resident):
        from analysis.chapter.backward import starting_points

        return starting_points(subject, layer, image.predicted)

    refused, ways = lesson.ask(("starting points", layer), experiment)
    error(refused.error)
    for way in ways:
        left, right = st.columns([3, 1], gap="large", vertical_alignment="center")
        left.markdown(f"**{way.name}**")
        left.code(way.code, language="python")
        same = (
            "the same gradient" if way.distance == 0 else f"gradient differs by {way.distance:.0%} of the largest"
        )
        said = f"{same[0].upper()}{same[1:]}; correlation of the maps {way.correlation:+.2f}."
        left.caption("The reference." if way is ways[0] else said)
        right.image(overlay(picture(lesson), way.gradcam), width="stretch", caption=f"Grad-CAM at {layer}")
    code(refused.code, label="The line that is refused")


def further(lesson: Lesson) -> None:
    """The chapter's two pieces of further research."""
    st.subheader("Further research", anchor="further")
    with st.container(horizontal=True):
        there = {state.RUN: lesson.run.name, state.IMAGE: lesson.image.id}
        st.page_link(KEEPDIM_PAGE, label="Without keepdim", icon=":material/compress:", query_params=there)
        st.page_link(
            RECIPE_PAGE, label="Every other step of the recipe", icon=":material/science:", query_params=there
        )
        st.page_link(REVIEWS_PAGE, label="The words of a review", icon=":material/article:")


def chosen_layer(names: list[str], show: bool = True) -> str:
    """The layer that questions 11 to 13 are shown at; an inner one unless the reader chose."""
    if show:
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


def _in_python(name: str) -> str:
    return f"learn.model[{name}]" if name.isdigit() else name


def picture(lesson: Lesson):
    """The picture as the network sees it, (S, S, 3) uint8."""
    return service().decoded(lesson.run, lesson.image.id, lesson.run.manifest.recipe.size)
