"""Questions 1 to 5: hooks."""

from __future__ import annotations

import streamlit as st

from dashboard.chapter.asking import Lesson, code, question, rows, shape
from dashboard.figures.activation_history import histogram_figure, history_chart
from dashboard.figures.overlay import CONFIG
from dashboard.frame import theme
from dashboard.service import service


def part(lesson: Lesson) -> None:
    """What a hook is, which layer CAM listens to, and hooks at work during the fine-tune."""
    what_is_a_hook(lesson)
    which_layer(lesson)
    why_a_hook(lesson)
    activation_stats(lesson)
    write_a_hook(lesson)


def what_is_a_hook(lesson: Lesson) -> None:
    """Question 1."""
    question(
        1,
        "What is a hook?",
        "A function of yours that PyTorch calls whenever a module runs. A **forward hook** is given the "
        "module, what went in and what came out; a **backward hook** is given gradients. It can look, keep or "
        "replace, and the network's own code is not touched. Here one hangs on every layer and notes the shape "
        "that passes.",
    )

    def experiment(subject, resident):
        from analysis.chapter.hooks import passage

        return passage(subject)

    with st.spinner("Hanging a hook on every layer…", show_time=True):
        ran = lesson.ask("passage", experiment)
    found = ran.result
    cells = st.grid(4, min_column_width=150)
    cells.metric("Calls heard", f"{len(found.seen):,}", help="A module that is called twice is heard twice.")
    cells.metric("Hooks before", found.before)
    cells.metric("Hooks inside the block", found.inside)
    cells.metric("Hooks left after it", found.after)
    rows(
        [(name, kind, shape(sizes)) for name, kind, sizes in found.seen],
        ["layer", "kind", "output, batch first"],
        height=280,
        alt="The shape of every layer's output, in the order of the calls",
    )
    code(ran.code)


def which_layer(lesson: Lesson) -> None:
    """Question 2."""
    question(
        2,
        "Whose outputs does CAM use?",
        "Those of the last layer that still knows *where*: the end of the body, just before the pool. Behind "
        "it there is one number a channel and no place; before it the channels belong to no class yet.",
    )

    def experiment(subject, resident):
        from analysis.explain.trace import capture

        taken = capture(subject.learned, subject.x, [subject.body], gradients=False)
        head = [(call.name, type(call.module).__name__) for call in taken.calls_after[subject.body]]
        stages = [(info.name, (info.channels, info.height, info.width), info.stride) for info in subject.stages]
        return subject.body, stages, head

    body, stages, head = lesson.ask("layer", experiment)
    last = len(stages) - 1
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.caption("The stages of the body")
        rows(
            [
                (name, shape(sizes), f"{stride} px", "◀ read by CAM" if place == last else "")
                for place, (name, sizes, stride) in enumerate(stages)
            ],
            ["stage", "output", "a cell covers", ""],
            alt="Stages of the body",
        )
    with right:
        st.caption("The head: what stands between that output and the logits")
        rows(head, ["module", "kind"], alt="Modules of the head")
    st.caption(f"In this learner the body is `learn.model[{body}]`." if body.isdigit() else f"The body: `{body}`.")


def why_a_hook(lesson: Lesson) -> None:
    """Question 3."""
    question(
        3,
        "Why does CAM need a hook?",
        "Because calling the model returns the logits and nothing else. What the layers computed on the way "
        "is thrown away as soon as the next layer has read it. The experiment watches the body's output "
        "without holding on to it, and looks for it once the prediction is there.",
    )

    def experiment(subject, resident):
        from analysis.chapter.hooks import fleeting

        return fleeting(subject)

    ran = lesson.ask("fleeting", experiment)
    found = ran.result
    cells = st.grid(3, min_column_width=200)
    cells.metric("Output of the model", shape(found.output))
    cells.metric("Output of the body", shape(found.activation))
    cells.metric("Is that still in memory?", "No" if found.gone else "Yes")
    code(ran.code)


def activation_stats(lesson: Lesson) -> None:
    """Question 4."""
    question(
        4,
        "How does fastai's ActivationStats use hooks?",
        "Before each batch it hangs a forward hook on every layer it watches. The hook reduces the output to "
        "its mean, its standard deviation, the share of values up to 0.05 and a histogram of 40 bins from 0 to "
        "10; the callback collects these after the batch and takes the hooks away. This is what it heard while "
        "**this learner** was fine-tuned (of the first 16 pictures of each batch).",
    )

    def experiment(subject, resident):
        from fastai.callback.hook import ActivationStats, HookCallback

        from analysis.chapter.running import code_of
        from analysis.learner.activations import RecordActivations, load_activations

        sources = (ActivationStats.hook, ActivationStats.after_batch, HookCallback._register)
        ours = (RecordActivations.before_fit, RecordActivations.hook)
        history = load_activations(resident.loaded.run)
        return history, [code_of(source) for source in sources], [code_of(source) for source in ours]

    history, fastais, ours = lesson.ask("activations", experiment)
    if history is None:
        st.info(
            "This learner was fine-tuned before its activations were recorded. Only a new fine-tune can record "
            f"them. {lesson.run.how_to_retrain()}",
            title="Not recorded for this learner",
        )
        if st.button("Fine-tune this recipe again, recording", icon=":material/refresh:"):
            words = [*lesson.run.manifest.recipe.options(), "--run", str(lesson.run.path), "--force"]
            service().jobs.start(words)
            st.rerun()
    else:
        counts = {f"{name} epochs": count for name, count in history.phases}
        said = ", then ".join(f"{count} batches of the {name}" for name, count in counts.items())
        st.caption(f"Recorded: {said}. The dashed line is where the body was unfrozen.")
        st.altair_chart(
            history_chart(history, history.layers, theme()),
            width="content",
            alt="Mean, deviation and share near zero",
        )
        st.caption(
            "The coloured histogram: training batches to the right, values from 0 to 10 upwards, brighter "
            "where more values lie. A dark picture with a bright bottom line is a layer whose values are "
            "nearly all zero. Where a layer has no activation function, its negative values count as near zero "
            "and lie outside the histogram."
        )
        st.plotly_chart(
            histogram_figure(history, history.layers, theme()),
            theme=None,
            key="histograms",
            config=CONFIG,
            alt="Histogram of every layer's activations over training",
        )
    code(*fastais, label="fastai's own code, as it is installed here")
    code(*ours, label="How the recording keeps both phases of a fine-tune")


def write_a_hook(lesson: Lesson) -> None:
    """Question 5."""
    question(
        5,
        "A hook that stores activations",
        "Register on entering, remove on leaving, and keep a **detached clone** of the output: detached, so "
        "that no graph is kept alive; a clone, since the next layer may change the tensor in place. This class "
        "is the one that this dashboard works with.",
    )

    def experiment(subject, resident):
        from analysis.chapter.hooks import storing

        return storing(subject)

    source, ran = lesson.ask("storing", experiment)
    found = ran.result
    stored, largest, differs, left = st.columns([2, 1, 2, 1])
    stored.metric("Stored", shape(found.shape))
    largest.metric("Largest value", f"{found.largest:.2f}")
    differs.metric(
        "Differs from running the body by itself",
        "—" if found.difference is None else f"{found.difference:.1e}" if found.difference else "0",
    )
    left.metric("Hooks left", found.left)
    code(source, ran.code)
