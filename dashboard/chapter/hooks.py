"""Questions 1 to 5: hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.backend.jobs.board import job_board
from dashboard.backend.jobs.fit import FitJob
from dashboard.chapter.elements import shape_text, show_code, show_question, show_table
from dashboard.chapter.experiments import Experiments
from dashboard.figures.activation_history import histogram_figure, history_chart
from dashboard.figures.overlay import CONFIG
from dashboard.frame import theme

if TYPE_CHECKING:
    from analysis.chapter.execution import Execution
    from analysis.chapter.hooks import ForwardPass, Lifetime, StoredActivation
    from analysis.chapter.subject import Subject
    from analysis.learner.images.activations import ActivationHistory
    from dashboard.backend.residents import Resident


def show(experiments: Experiments) -> None:
    """Show questions 1 to 5."""
    show_what_a_hook_is(experiments)
    show_which_layer(experiments)
    show_why_a_hook(experiments)
    show_activation_stats(experiments)
    show_storing_hook(experiments)


def show_what_a_hook_is(experiments: Experiments) -> None:
    """Show question 1."""
    show_question(
        1,
        "What is a hook?",
        "A function of yours that PyTorch calls whenever a module runs. A **forward hook** receives the module, "
        "its inputs and its output; a **backward hook** receives gradients. It can read, store or replace them, "
        "and the network's own code stays as it is. Here every layer has a hook that records the shape of its "
        "output.",
    )

    def experiment(subject: Subject, resident: Resident) -> Execution[ForwardPass]:
        from analysis.chapter.hooks import forward_pass

        return forward_pass(subject)

    with st.spinner("Registering a hook on every layer…", show_time=True):
        execution = experiments.perform("forward pass", experiment)
    record = execution.result
    cells = st.grid(4, min_column_width=150)
    cells.metric("Calls recorded", f"{len(record.calls):,}", help="A module that runs twice is recorded twice.")
    cells.metric("Hooks before", record.hooks_before)
    cells.metric("Hooks inside the block", record.hooks_inside)
    cells.metric("Hooks after it", record.hooks_after)
    show_table(
        [(name, kind, shape_text(sizes)) for name, kind, sizes in record.calls],
        ["layer", "kind", "output, batch first"],
        height=280,
        alt="The shape of every layer's output, in the order of the calls",
    )
    show_code(execution.source)


def show_which_layer(experiments: Experiments) -> None:
    """Show question 2."""
    show_question(
        2,
        "Which layer's output does CAM use?",
        "That of the last layer with locations: the end of the body, just before the pooling. After the "
        "pooling each channel is a single number without a location; in earlier layers the channels have no "
        "class weights.",
    )

    def experiment(
        subject: Subject, resident: Resident
    ) -> tuple[str, list[tuple[str, tuple[int, int, int], int]], list[tuple[str, str]]]:
        from analysis.explain.trace import capture

        record = capture(subject.network, subject.x, [subject.body], gradients=False)
        head = [(call.name, type(call.module).__name__) for call in record.calls_after[subject.body]]
        stages = [(info.name, (info.channels, info.height, info.width), info.stride) for info in subject.stages]
        return subject.body, stages, head

    body, stages, head = experiments.perform("layer", experiment)
    last = len(stages) - 1
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.caption("The stages of the body")
        show_table(
            [
                (name, shape_text(sizes), f"{stride} px", "◀ read by CAM" if place == last else "")
                for place, (name, sizes, stride) in enumerate(stages)
            ],
            ["stage", "output", "stride", ""],
            alt="Stages of the body",
        )
    with right:
        st.caption("The head: the modules between that output and the logits")
        show_table(head, ["module", "kind"], alt="Modules of the head")
    st.caption(f"In this learner the body is `learn.model[{body}]`." if body.isdigit() else f"The body: `{body}`.")


def show_why_a_hook(experiments: Experiments) -> None:
    """Show question 3."""
    show_question(
        3,
        "Why does CAM need a hook?",
        "Because calling the model returns the logits and nothing else. The output of each layer is deleted as "
        "soon as the next layer has read it. The experiment keeps only a weak reference to the body's output, "
        "and checks after the prediction whether it still exists.",
    )

    def experiment(subject: Subject, resident: Resident) -> Execution[Lifetime]:
        from analysis.chapter.hooks import body_lifetime

        return body_lifetime(subject)

    execution = experiments.perform("lifetime", experiment)
    lifetime = execution.result
    cells = st.grid(3, min_column_width=200)
    cells.metric("Output of the model", shape_text(lifetime.output_shape))
    cells.metric("Output of the body", shape_text(lifetime.activation_shape))
    cells.metric("Is the body's output still in memory?", "No" if lifetime.freed else "Yes")
    show_code(execution.source)


def show_activation_stats(experiments: Experiments) -> None:
    """Show question 4."""
    show_question(
        4,
        "How does fastai's ActivationStats use hooks?",
        "Before each recorded batch it registers a forward hook on every layer that it watches. The hook reduces "
        "the output to its mean, its standard deviation, the share of values up to 0.05 and a histogram of 40 "
        "bins from 0 to 10; the callback collects these after the batch and removes the hooks. The figures show "
        "what it recorded while **this learner** was fine-tuned (for the first 16 pictures of each batch).",
    )

    def experiment(subject: Subject, resident: Resident) -> tuple[ActivationHistory | None, list[str], list[str]]:
        from fastai.callback.hook import ActivationStats, HookCallback

        from analysis.chapter.execution import source_of
        from analysis.learner.images.activations import RecordActivations, load_activations

        fastai_functions = (ActivationStats.hook, ActivationStats.after_batch, HookCallback._register)
        own_functions = (RecordActivations.before_fit, RecordActivations.hook)
        history = load_activations(resident.loaded.run)
        return (
            history,
            [source_of(function) for function in fastai_functions],
            [source_of(function) for function in own_functions],
        )

    history, fastai_code, own_code = experiments.perform("activations", experiment)
    if history is None:
        st.info(
            "No activations were recorded when this learner was fine-tuned. Only a new fine-tune can record "
            f"them. {experiments.run.how_to_retrain()}",
            title="Not recorded for this learner",
        )
        if st.button("Fine-tune this recipe again and record them", icon=":material/refresh:"):
            job_board().start(FitJob.again(experiments.run))
            st.rerun()
    else:
        counts = {f"{name} epochs": count for name, count in history.phases}
        batches = ", then ".join(f"{count} batches of the {name}" for name, count in counts.items())
        st.caption(f"Recorded: {batches}. The body was unfrozen at the dashed line.")
        st.altair_chart(
            history_chart(history, history.layers, theme()),
            width="content",
            alt="Mean, standard deviation and share of values near zero",
        )
        st.caption(
            "The coloured histogram has the training batches from left to right and the values from 0 to 10 "
            "upwards; a brighter cell holds more values. A dark picture with a bright bottom line means a layer "
            "whose values are nearly all zero. Where a layer has no activation function, its negative values "
            "count as near zero and are not in the histogram."
        )
        st.plotly_chart(
            histogram_figure(history, history.layers, theme()),
            theme=None,
            key="histograms",
            config=CONFIG,
            alt="Histogram of every layer's activations over training",
        )
    show_code(*fastai_code, label="fastai's own code, as it is installed here")
    show_code(*own_code, label="How the recording keeps both phases of a fine-tune")


def show_storing_hook(experiments: Experiments) -> None:
    """Show question 5."""
    show_question(
        5,
        "A hook that stores activations",
        "It is registered when a `with` block begins and removed when it ends, and it keeps a **detached clone** "
        "of the output: detached, so that it keeps no graph in memory; a clone, because the next layer may "
        "change the tensor in place. CAM Lens itself uses this class.",
    )

    def experiment(subject: Subject, resident: Resident) -> tuple[str, Execution[StoredActivation]]:
        from analysis.chapter.hooks import stored_activation

        return stored_activation(subject)

    hook_code, execution = experiments.perform("stored activation", experiment)
    stored = execution.result
    shape, largest, difference, hooks = st.columns([2, 1, 2, 1])
    shape.metric("Stored", shape_text(stored.shape))
    largest.metric("Largest value", f"{stored.largest:.2f}")
    difference.metric(
        "Difference from running the body alone",
        "—" if stored.difference is None else f"{stored.difference:.1e}" if stored.difference else "0",
    )
    hooks.metric("Hooks afterwards", stored.hooks_after)
    show_code(hook_code, execution.source)
