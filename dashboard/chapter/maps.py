"""Questions 6 to 9: from activations to a map, and from a tensor to a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard.chapter.elements import shape_text, show_code, show_error, show_question, show_table
from dashboard.chapter.experiments import Experiments
from dashboard.components.page_width import page_width
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.overlay import CONFIG
from dashboard.figures.prediction_spread import spread_chart
from dashboard.figures.score_grid import score_grid_figure
from dashboard.frame import theme

if TYPE_CHECKING:
    from analysis.chapter.execution import Execution
    from analysis.chapter.modes import GraphMemory, ModeComparison
    from analysis.chapter.pictures import DecodedPicture
    from analysis.chapter.scores import LocationScore, ScoreMaps
    from analysis.chapter.subject import Subject
    from dashboard.backend.residents import Resident

MANY_CLASSES = 12
"""With more classes than this, the table of scores lists only the two that are compared."""


def show(experiments: Experiments) -> None:
    """Show questions 6 to 9."""
    show_eval_and_no_grad(experiments)
    show_einsum(experiments)
    show_class_order(experiments)
    show_decode(experiments)


def show_eval_and_no_grad(experiments: Experiments) -> None:
    """Show question 6."""
    show_question(
        6,
        "Why eval, and why no_grad?",
        "`eval()` switches dropout off and makes BatchNorm use the statistics it has learned. In training mode a "
        "prediction depends on chance and on the other pictures of the batch, and every pass **changes the "
        "network**. `no_grad()` changes no number: it saves the memory that a backward pass would need.",
    )

    def modes(subject: Subject, resident: Resident) -> ModeComparison:
        from analysis.chapter.modes import compare_modes

        others = experiments.others()
        return compare_modes(subject, subject.x[:0] if others is None else others)

    def memory(subject: Subject, resident: Resident) -> tuple[Execution[GraphMemory], Execution[GraphMemory]]:
        from analysis.chapter.modes import compare_memory

        return compare_memory(subject)

    with st.spinner("Predicting the picture 50 times in each mode, on a copy…", show_time=True):
        comparison = experiments.perform("modes", modes)
    name, cls = experiments.class_names[experiments.image.predicted], experiments.image.predicted
    evaluation, training = comparison.evaluation, comparison.training
    if len(training):
        st.altair_chart(
            spread_chart(evaluation[:, cls], training[:, cls], name, theme()),
            alt="50 predictions in each mode",
        )
    cells = st.grid(4, min_column_width=170)
    cells.metric(
        "Spread in eval mode",
        f"{np.ptp(evaluation[:, cls]):.2%}",
        help="Highest minus lowest of the 50 predictions.",
    )
    if len(training):
        cells.metric(
            "Spread in training mode",
            f"{np.ptp(training[:, cls]):.1%}",
            help="Each time in a batch with three other pictures.",
        )
    cells.metric(f"{name}, before", f"{evaluation[0, cls]:.1%}", help="In eval mode.")
    after = comparison.afterwards[cls]
    cells.metric(
        f"{name}, afterwards",
        f"{after:.1%}",
        f"{after - evaluation[0, cls]:+.1%}",
        delta_color="off",
        help="The copy that ran in training mode, back in eval mode: its BatchNorm statistics have changed.",
    )
    if comparison.error_alone:
        st.caption(
            "In training mode a batch of this picture alone raises an error: the head's BatchNorm cannot compute "
            "a mean over one picture."
        )
        show_error(comparison.error_alone)
    layers = comparison.batch_norms
    st.caption(
        f"BatchNorm statistics: eval mode left {comparison.unchanged} of {len(layers)} layers as they were; "
        f"training mode changed {sum(norm.mean_change > 0 for norm in layers)} of {len(layers)}, on a copy."
    )
    show_table(
        [(norm.layer, norm.batches, norm.mean_change, norm.variance_change) for norm in layers],
        ["BatchNorm layer", "batches counted", "change of the running mean", "change of the running variance"],
        height=220,
        alt="BatchNorm statistics before and after the passes in training mode",
    )
    with_gradients, without = experiments.perform("memory", memory)
    cells = st.grid(2, min_column_width=220)
    cells.metric("Stored for a backward pass", _megabytes(with_gradients.result.size))
    cells.metric("Under no_grad", _megabytes(without.result.size))
    show_code(comparison.source, with_gradients.source)


def show_einsum(experiments: Experiments) -> None:
    """Show question 7."""
    show_question(
        7,
        "The class score of every location",
        "Each location has one number for every channel, and each class has one weight for every channel. "
        "`einsum('ck,kij->cij')` multiplies them and sums over the letter that is missing in the result, the "
        "channel **k**; the class **c** and the location **i, j** stay. That is one score for each class at each "
        "location.",
    )
    image = experiments.image

    def experiment(
        subject: Subject, resident: Resident
    ) -> tuple[Execution[ScoreMaps], Execution[LocationScore] | None]:
        from analysis.chapter.scores import score_maps

        return score_maps(subject, image.predicted)

    execution, location = experiments.perform("scores", experiment)
    scores = execution.result
    if scores.kind == "none":
        st.warning(f"This network has no class weights for its last layer's channels. {scores.reason}")
        show_error(scores.unfolded_difference.error)
        show_code(execution.source)
        return
    score_shape = (len(experiments.class_names), *scores.activation_shape[1:])
    st.markdown(
        f"Here: weights **{shape_text(scores.weight_shape)}** (c × k), activation "
        f"**{shape_text(scores.activation_shape)}** (k × i × j), scores **{shape_text(score_shape)}** (c × i × j)."
    )
    pair = [image.predicted, experiments.image.other_class]
    options = LayerViewOptions(smooth=False, theme=theme(), width=page_width(), opacity=0.55)
    st.plotly_chart(
        score_grid_figure(
            experiments.picture(),
            [experiments.class_names[cls] for cls in pair],
            [scores.maps[cls] for cls in pair],
            options,
        ),
        theme=None,
        key="score_grid",
        config=CONFIG,
        alt="The score of every location, for two classes",
    )
    classes = range(len(experiments.class_names)) if len(experiments.class_names) <= MANY_CLASSES else pair
    show_table(
        [
            (
                experiments.class_names[cls],
                f"{scores.means[cls]:+.4f}",
                f"{scores.bias[cls]:+.4f}",
                f"{scores.means[cls] + scores.bias[cls]:+.4f}",
                f"{scores.logits[cls]:+.4f}",
                f"{scores.residual[cls]:+.1e}",
            )
            for cls in classes
        ],
        ["class", "mean over the locations", "bias", "mean + bias", "logit", "difference"],
        alt="The mean score plus the bias is the logit",
    )
    if scores.kind == "exact":
        st.success(
            f"The mean score plus the bias is the logit: largest difference {np.abs(scores.residual).max():.1e}. "
            "The weights are those of the Linear with the head's BatchNorm folded in.",
            icon=":material/verified:",
        )
    else:
        st.warning(
            "These are the chapter's weights, which belong to hidden units of this head and not to the "
            f"channels: the means differ from the logits by up to {np.abs(scores.residual).max():.2f}. "
            f"{scores.reason}",
            icon=":material/rule:",
        )
    if scores.kind == "exact" and scores.unfolded_difference.error is None:
        st.caption(
            "The chapter multiplies with the Linear's own weights. Their means differ from the logits by up to "
            f"{scores.unfolded_difference.result:.2f}, because the BatchNorm before the Linear is left out."
        )
    if location is not None:
        _show_location(location.result, experiments.class_names[image.predicted])
    show_code(execution.source, *([location.source] if location else []))


def _show_location(location: LocationScore, name: str) -> None:
    """Show one location's score as a sum over channels, beside the einsum's."""
    terms = " + ".join(f"{weight:.2f} · {value:.2f}" for _, weight, value, _ in location.terms[:3])
    channels = ", ".join(str(channel) for channel, *_ in location.terms[:3])
    st.markdown(
        f"The location with the highest score for **{name}** is row {location.row + 1}, column "
        f"{location.column + 1}. Its strongest channels ({channels}) give {terms} + …; the sum over all channels, "
        f"computed in a loop, is **{location.loop_score:.4f}**, and the einsum gives **{location.score:.4f}**."
    )


def show_class_order(experiments: Experiments) -> None:
    """Show question 8."""
    show_question(
        8,
        "Which output is which class?",
        "`dls.vocab` lists the labels in the order of the outputs: position 0 is the first label. fastai sorts "
        "them when it builds the DataLoaders; a label that is not text (`False` for *not a cat*) appears as it "
        "is.",
    )

    def experiment(
        subject: Subject, resident: Resident
    ) -> tuple[Execution[list[tuple[int, Any]]], list[float], list[float]]:
        import torch

        from analysis.chapter.pictures import class_order

        with torch.no_grad():
            logits = subject.copy()(subject.x)[0]
        return class_order(resident.loaded.learn.dls), logits.tolist(), logits.softmax(dim=0).tolist()

    execution, logits, probabilities = experiments.perform("vocabulary", experiment)
    show_table(
        [
            (
                position,
                repr(label),
                experiments.class_names[position],
                f"{logits[position]:+.3f}",
                f"{probabilities[position]:.2%}",
            )
            for position, label in execution.result
        ],
        ["position", "dls.vocab", "shown here as", "logit of this picture", "probability"],
        alt="The vocabulary in the order of the outputs",
    )
    show_code(execution.source)


def show_decode(experiments: Experiments) -> None:
    """Show question 9."""
    show_question(
        9,
        "Why decode before showing?",
        "The network receives a normalised tensor: the mean is subtracted and the result divided by the standard "
        "deviation, so the values lie around zero. Drawn as a picture, every negative value becomes black. "
        "`decode` reverses the pipeline and returns the pixels.",
    )

    def experiment(subject: Subject, resident: Resident) -> Execution[DecodedPicture]:
        from analysis.chapter.pictures import decode_picture

        return decode_picture(subject, resident.loaded.learn.dls)

    execution = experiments.perform("decode", experiment)
    picture = execution.result
    first, second, numbers = st.columns([1, 1, 2], gap="medium")
    first.image(picture.normalised, width="stretch", caption="The normalised tensor, drawn as it is")
    second.image(picture.decoded, width="stretch", caption="Decoded")
    with numbers:
        show_table(
            [(name, f"{low:.2f}", f"{high:.2f}", f"{mean:.2f}") for name, low, high, mean in picture.ranges],
            ["values", "lowest", "highest", "mean"],
            alt="Value ranges before and after decode",
        )
        st.caption(f"{picture.share_outside:.0%} of the normalised values lie outside 0 to 1 and cannot be drawn.")
    show_code(execution.source)


def _megabytes(size: int) -> str:
    return "0" if size == 0 else f"{size / 1e6:.1f} MB"
