"""Every step of Grad-CAM left out or changed: what raises an error, what silently gives another map."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from analysis.runs import Run
from dashboard import state
from dashboard.backend.images import service
from dashboard.backend.jobs.board import job_board
from dashboard.backend.residents import Resident
from dashboard.backend.set_jobs.ablation import AblationJob
from dashboard.backend.set_jobs.ablation_results import pictures_csv, set_results
from dashboard.chapter.elements import show_code
from dashboard.figures.ablation import OUTCOMES, pair_chart, spread_of_correlations
from dashboard.figures.tiles import overlay
from dashboard.frame import chosen_run, clear_messages, heed_link, theme
from dashboard.images.chosen_image import ChosenImage, image_chooser

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.explain.studies.ablation import Change, Choices, Effect

STANDARD_CAPTION = "Standard Grad-CAM"
BADGES = {"raises": ":gray-badge[raises]", "silent": ":red-badge[silent]", "harmless": ":blue-badge[harmless]"}


def layers_of(run: Run, image: ChosenImage) -> tuple[list[str], str | None]:
    """Return the names of the stages, and of the last layer whose output the network changes in place."""

    def experiment(resident: Resident, x: Tensor) -> tuple[list[str], str | None]:
        from analysis.explain import stage_layers
        from analysis.explain.studies.ablation import overwritten_layer

        model = resident.loaded.model
        stages = [info.name for info in stage_layers(model, x)]
        return stages, overwritten_layer(model, x)

    return service().live(run, image.id, "ablation layers", experiment)


def effects_on(
    run: Run, image: ChosenImage, layer: str, part: str, variants: tuple[Choices, ...]
) -> tuple[list[Effect], np.ndarray]:
    """Return the effects of some variants on the picture, in their order, and the standard map."""

    def experiment(resident: Resident, x: Tensor) -> tuple[list[Effect], np.ndarray]:
        from analysis.explain.studies.ablation import BATCH_MATES, STANDARD, AblationRunner, effects

        others = [file for file in run.examples().names("valid") if file != image.id]
        chosen = random.Random(0).sample(others, min(BATCH_MATES, len(others)))
        batch_mates = service().pictures.batch(run, chosen) if chosen else None
        runner = AblationRunner(resident.loaded.model, x, layer, run.manifest.normalize)
        maps = runner.run(x, variants, batch_mates)[0]
        standard = maps[STANDARD].values
        assert standard is not None
        return effects(maps, variants), standard

    return service().live(run, image.id, ("ablation", part, layer, variants), experiment)


def number(value: float) -> str:
    """Return a correlation as text, a dash where there is none."""
    return "—" if math.isnan(value) else f"{value:+.3f}"


def moved(effect: Effect) -> str:
    """Return in words whether and how far the hottest point moved."""
    if effect.moved is None:
        return "—"
    return f"moves by {effect.distance:.0%}" if effect.moved else "stays"


def verdict(effect: Effect) -> str:
    """Return the line under a map: its outcome, correlation and hottest point."""
    if effect.outcome == "raises":
        return BADGES["raises"]
    return f"{BADGES[effect.outcome]} correlation {number(effect.correlation)}, hottest point {moved(effect)}"


def alone_table(changes: Sequence[Change], results: Sequence[Effect]) -> pd.DataFrame:
    """Return one row for each change, for the page and for the CSV."""
    return pd.DataFrame(
        {
            "step": [change.step for change in changes],
            "standard": [change.standard for change in changes],
            "instead": [change.name for change in changes],
            "outcome": [effect.outcome for effect in results],
            "correlation": [None if math.isnan(effect.correlation) else effect.correlation for effect in results],
            "hottest point": [moved(effect) for effect in results],
            "PyTorch says": [effect.error or effect.warning or "" for effect in results],
        }
    )


def show_maps(
    run: Run,
    image: ChosenImage,
    standard: np.ndarray,
    changes: Sequence[Change],
    results: Sequence[Effect],
) -> None:
    """Show the standard map and every changed one over the picture."""
    photo = service().pictures.view(run, image.id)
    grid = st.grid(5, min_column_width=170, gap="medium")
    cell = grid.cell()
    cell.image(overlay(photo, standard), width="stretch", caption=STANDARD_CAPTION)
    for change, effect in zip(changes, results, strict=True):
        cell = grid.cell()
        if effect.values is None:
            cell.image(photo // 3, width="stretch", caption=change.name)
        else:
            smooth = effect.choices.interpolation != "nearest"
            cell.image(overlay(photo, effect.values, smooth=smooth), width="stretch", caption=change.name)
        cell.markdown(verdict(effect))


def show_combinations(
    run: Run, image: ChosenImage, layer: str, changes: Sequence[Change], alone: Sequence[Effect]
) -> None:
    """Show the map of several changes together, and the outcomes of all pairs."""
    from analysis.explain.errors import ExplainError
    from analysis.explain.studies.ablation import change_pairs, combine

    st.subheader("Together")
    names = [change.name for change in changes]
    with heed_link(state.TOGETHER, names, "change"):
        chosen = st.multiselect(
            "Change these together",
            names,
            default=["ReLU on the map", "softmax probability"],
            key=state.TOGETHER,
            bind="query-params",
            help="Any number of changes, but only one of each step.",
        )
    try:
        variants = (combine(change for change in changes if change.name in chosen),)
    except ExplainError as problem:
        st.warning(str(problem))
    else:
        with st.spinner("Computing the map…", show_time=True):
            (effect,), standard = effects_on(run, image, layer, "together", variants)
        photo = service().pictures.view(run, image.id)
        first, second, text = st.columns([1, 1, 2], gap="medium")
        first.image(overlay(photo, standard), width="stretch", caption=STANDARD_CAPTION)
        if effect.values is not None:
            second.image(
                overlay(photo, effect.values), width="stretch", caption=" + ".join(chosen) or "Nothing changed"
            )
        text.markdown(verdict(effect))
        if effect.error:
            text.code(effect.error, language=None, wrap_lines=True)
    if not st.toggle("All pairs", key="all_pairs", help="Every two changes together on this picture: 87 maps."):
        return
    pairs = change_pairs()
    with st.spinner("Computing the map of every pair…", show_time=True):
        results, _ = effects_on(run, image, layer, "pairs", tuple(pairs.values()))
    values = {pair: (effect.outcome, effect.correlation) for pair, effect in zip(pairs, results, strict=True)}
    st.altair_chart(
        pair_chart(names, [(effect.outcome, effect.correlation) for effect in alone], values, theme()),
        width="content",
        alt="Every two changes together: outcome and correlation",
    )
    st.caption("The diagonal shows each change alone. A cell is empty where both changes are of the same step.")


@st.fragment(run_every=0.5)
def watch(job: AblationJob) -> None:
    """Show the progress of the validation set."""
    if not job.running:
        st.rerun(scope="app")
    event = job.event
    st.progress(event.fraction if event else 0.0, text=event.message if event else "Starting…")
    if event and event.seconds_left is not None:
        st.caption(f"About {event.seconds_left:.0f} s left")
    st.button("Stop it", icon=":material/stop:", on_click=job.stop, key="stop_ablation")


def set_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the summary of the validation set with shares and correlations as text."""
    shares = ("raises", "silent", "harmless", "moved")
    shown = table[["step", "change", "pictures"]].assign(
        **{name: ["—" if math.isnan(value) else f"{value:.0%}" for value in table[name]] for name in shares},
        **{name: [number(value) for value in table[name]] for name in ("median", "low", "high")},
    )
    names = {"moved": "hottest point moves", "median": "median correlation", "low": "10 % are below"}
    return shown.rename(columns={**names, "high": "10 % are above"})


def show_whole_set(run: Run, layer: str, changes: Sequence[Change]) -> None:
    """Show the results for the whole validation set, which are computed once in the background and saved."""
    st.subheader("The whole validation set")
    results = set_results(run, layer)
    job = job_board().current(AblationJob)
    if results is None:
        if job is not None and job.running and job.is_of(run, layer):
            watch(job)
            return
        if job is not None and job.is_of(run, layer) and job.error:
            st.error(job.error, title="The validation set could not be finished", icon=":material/error:")
        count = run.manifest.counts["valid"]
        st.write(
            f"This computes every change on all {count:,} validation pictures in the background. You can use the "
            "other pages meanwhile, and the result is saved."
        )
        if job is not None and job.running:
            st.info(f"Another ablation is running, of {job.run.name} at {job.layer}.")
            return
        if st.button("Run it", type="primary", icon=":material/play_arrow:", key="run_ablation"):
            job_board().start(AblationJob(run, layer))
            st.rerun()
        return
    st.caption(
        "A darker bar holds more pictures with this correlation; the diamond is the median. An empty line means "
        "that the change raises an error on every picture."
    )
    st.altair_chart(
        spread_of_correlations(results.counts, results.summary, [change.name for change in changes], theme()),
        alt="The spread of the correlations with the standard map, for each change",
    )
    st.dataframe(
        set_table(results.summary), hide_index=True, height="content", alt="Every change over the validation set"
    )
    with st.container(horizontal=True):
        for label, data, name in (
            ("Table as CSV", partial(results.summary.to_csv, index=False), "ablation"),
            ("Every picture as CSV", partial(pictures_csv, run, layer), "ablation-pictures"),
        ):
            st.download_button(
                label,
                data=data,
                file_name=f"{name}-{run.name}.csv",
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
            )


run = chosen_run()
st.title("Ablation")
with clear_messages(run):
    image = image_chooser.choose(run)
    if image is None:
        st.stop()
    st.write(
        "Grad-CAM consists of small steps. On this page each step is left out or changed: some changes raise an "
        "error, some do no harm, and some give **another map without any message**."
    )
    image_chooser.headline(run, image)
    with st.spinner("Loading the learner…", show_time=True):
        stages, overwritten = layers_of(run, image)
    names = stages if overwritten is None else [*stages, overwritten]
    with heed_link(state.ABLATION_LAYER, names, "layer"):
        layer = st.selectbox(
            "Layer",
            names,
            index=len(stages) - 1,
            key=state.ABLATION_LAYER,
            bind="query-params",
            width=360,
            help="The stages of the network and, if it has one, a layer whose output a later step changes in "
            "place. Only there does leaving out the clone change the map.",
        )
    if layer == overwritten:
        st.caption(f"The output of `{layer}` is changed in place by the step after it.")
    from analysis.chapter.execution import source_of
    from analysis.explain.studies.ablation import CHANGES
    from analysis.explain.studies.ablation.runner import enlarge, register_gradient_hook, weighted_sum

    variants = tuple(change.choices for change in CHANGES)
    with st.spinner("Computing every variant of the map…", show_time=True):
        results, standard = effects_on(run, image, layer, "alone", variants)
    counts = {outcome: sum(effect.outcome == outcome for effect in results) for outcome in OUTCOMES}
    cells = st.grid(3, min_column_width=160)
    cells.metric("Raise an error", counts["raises"])
    cells.metric("Silently give another map", counts["silent"])
    cells.metric(
        "Harmless",
        counts["harmless"],
        help="The correlation with the standard map is at least 0.999 and the hottest point is in the same cell.",
    )
    show_maps(run, image, standard, CHANGES, results)
    st.subheader("Step by step")
    st.caption("The distance by which the hottest point moves is a share of the picture's diagonal.")
    table = alone_table(CHANGES, results)
    st.dataframe(
        table.assign(correlation=[number(effect.correlation) for effect in results]),
        hide_index=True,
        height="content",
        alt="Every change alone: outcome, correlation with the standard map, PyTorch's message",
    )
    for text in dict.fromkeys(effect.error or effect.warning for effect in results):
        if text is None:
            continue
        st.code(text, language=None, wrap_lines=True)
    st.download_button(
        "This table as CSV",
        data=lambda: table.to_csv(index=False),
        file_name=f"ablation-{image.name.rsplit('/', 1)[-1].rsplit('.', 1)[0]}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    show_code(*map(source_of, (register_gradient_hook, weighted_sum, enlarge)))
    show_combinations(run, image, layer, CHANGES, results)
    show_whole_set(run, layer, CHANGES)
