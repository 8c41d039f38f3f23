"""Every step of the Grad-CAM recipe switched off or changed: what raises, what is silently another map."""

from __future__ import annotations

import math
import random
from functools import partial

import pandas as pd
import streamlit as st

from analysis.runs import Run
from dashboard import state
from dashboard.chapter.asking import code
from dashboard.chosen_image import ChosenImage, chosen_image, step_buttons
from dashboard.figures.recipe import OUTCOMES, pair_chart, spread_of_correlations
from dashboard.figures.tiles import overlay
from dashboard.frame import chosen_run, clear_messages, heed_link, theme
from dashboard.recipe_jobs import RecipeJob, board
from dashboard.recipe_results import pictures_csv, set_results
from dashboard.service import Resident, service

BADGES = {"raises": ":gray-badge[raises]", "silent": ":red-badge[silent]", "harmless": ":blue-badge[harmless]"}


def layers_of(run: Run, image: ChosenImage) -> tuple[list[str], str | None]:
    """The stages, and the last layer that something changes in place, which is added to them."""

    def experiment(resident: Resident, x):
        from analysis.explain import stage_layers
        from analysis.explain.ablation_recipe import rewritten_layer

        model = resident.loaded.model
        stages = [info.name for info in stage_layers(model, x)]
        return stages, rewritten_layer(model, x)

    return service().live(run, image.id, "recipe layers", experiment)


def effects_of(run: Run, image: ChosenImage, layer: str, what: str, ways: tuple):
    """The effects of some choices on the picture, in their order, and the right map."""

    def experiment(resident: Resident, x):
        from analysis.explain.ablation_recipe import COMPANY, RIGHT, Kitchen, effects

        others = [file for file in run.examples().names("valid") if file != image.id]
        chosen = random.Random(0).sample(others, min(COMPANY, len(others)))
        company = service().batch(run, chosen) if chosen else None
        kitchen = Kitchen(resident.loaded.model, x, layer, run.manifest.normalize)
        dishes = kitchen.cook(x, ways, company)[0]
        return effects(dishes, ways), dishes[RIGHT].values

    return service().live(run, image.id, ("recipe", what, layer, ways), experiment)


def number(value: float) -> str:
    """A correlation in words."""
    return "—" if math.isnan(value) else f"{value:+.3f}"


def moved(effect) -> str:
    """Where the hottest point went."""
    if effect.moved is None:
        return "—"
    return f"moves by {effect.distance:.0%}" if effect.moved else "stays"


def verdict(effect) -> str:
    """A badge and the correlation, under a map."""
    if effect.outcome == "raises":
        return BADGES["raises"]
    return f"{BADGES[effect.outcome]} correlation {number(effect.correlation)}, hottest point {moved(effect)}"


def alone_table(changes, found) -> pd.DataFrame:
    """One line a change, for the page and for the CSV."""
    return pd.DataFrame(
        {
            "step": [change.step for change in changes],
            "the recipe": [change.right for change in changes],
            "instead": [change.name for change in changes],
            "outcome": [effect.outcome for effect in found],
            "correlation": [None if math.isnan(effect.correlation) else effect.correlation for effect in found],
            "hottest point": [moved(effect) for effect in found],
            "PyTorch says": [effect.error or effect.warning or "" for effect in found],
        }
    )


def multiples(run: Run, image: ChosenImage, right, changes, found) -> None:
    """The right map and every changed one over the photo."""
    photo = service().decoded(run, image.id, run.manifest.recipe.size)
    grid = st.grid(5, min_column_width=170, gap="medium")
    cell = grid.cell()
    cell.image(overlay(photo, right), width="stretch", caption="The right recipe")
    for change, effect in zip(changes, found, strict=True):
        cell = grid.cell()
        if effect.values is None:
            cell.image(photo // 3, width="stretch", caption=change.name)
        else:
            smooth = effect.choices.drawn != "nearest"
            cell.image(overlay(photo, effect.values, smooth=smooth), width="stretch", caption=change.name)
        cell.markdown(verdict(effect))


def both_at_once(run: Run, image: ChosenImage, layer: str, changes, alone) -> None:
    """Any changes together, and all pairs."""
    from analysis.explain.ablation_recipe import pairs, together
    from analysis.explain.errors import ExplainError

    st.subheader("Together")
    names = [change.name for change in changes]
    with heed_link(state.TOGETHER, names, "change"):
        chosen = st.multiselect(
            "Change these together",
            names,
            default=["ReLU on the map", "softmax probability"],
            key=state.TOGETHER,
            bind="query-params",
            help="Any number of steps, each in one way.",
        )
    try:
        ways = (together(change for change in changes if change.name in chosen),)
    except ExplainError as problem:
        st.warning(str(problem))
    else:
        with st.spinner("Computing the map…", show_time=True):
            (effect,), right = effects_of(run, image, layer, "together", ways)
        photo = service().decoded(run, image.id, run.manifest.recipe.size)
        first, second, words = st.columns([1, 1, 2], gap="medium", vertical_alignment="center")
        first.image(overlay(photo, right), width="stretch", caption="The right recipe")
        if effect.values is not None:
            second.image(
                overlay(photo, effect.values), width="stretch", caption=" + ".join(chosen) or "Nothing changed"
            )
        words.markdown(verdict(effect))
        if effect.error:
            words.code(effect.error, language=None, wrap_lines=True)
    if not st.toggle("All pairs", key="all_pairs", help="Every two changes at once, on this picture: 87 maps."):
        return
    known = pairs()
    with st.spinner("Computing the maps of all pairs…", show_time=True):
        found, _ = effects_of(run, image, layer, "pairs", tuple(known.values()))
    values = {place: (effect.outcome, effect.correlation) for place, effect in zip(known, found, strict=True)}
    st.altair_chart(
        pair_chart(names, [(effect.outcome, effect.correlation) for effect in alone], values, theme()),
        width="content",
        alt="Every two changes together: outcome and correlation",
    )
    st.caption("On the diagonal each change alone. Empty cells: two ways to do the same step.")


@st.fragment(run_every=0.5)
def watch(job: RecipeJob) -> None:
    """The progress of the validation set."""
    if not job.running:
        st.rerun(scope="app")
    event = job.event
    st.progress(event.fraction if event else 0.0, text=event.message if event else "Starting…")
    if event and event.seconds_left is not None:
        st.caption(f"About {event.seconds_left:.0f} s left")
    st.button("Stop it", icon=":material/stop:", on_click=job.stop, key="stop_recipe")


def set_table(table: pd.DataFrame) -> pd.DataFrame:
    """The summary of the validation set as the page shows it: shares and correlations as words."""
    shares = ("raises", "silent", "harmless", "moved")
    shown = table[["step", "change", "pictures"]].assign(
        **{name: ["—" if math.isnan(value) else f"{value:.0%}" for value in table[name]] for name in shares},
        **{name: [number(value) for value in table[name]] for name in ("median", "low", "high")},
    )
    names = {"moved": "hottest point moves", "median": "median correlation", "low": "10 % lie below"}
    return shown.rename(columns={**names, "high": "10 % lie above"})


def whole_set(run: Run, layer: str, changes) -> None:
    """The distribution over the validation set, computed in the background once and kept."""
    st.subheader("The whole validation set")
    results = set_results(run, layer)
    job = board().current
    if results is None:
        if job is not None and job.running and job.is_of(run, layer):
            watch(job)
            return
        if job is not None and job.is_of(run, layer) and job.error:
            st.error(job.error, title="The validation set could not be finished", icon=":material/error:")
        count = run.manifest.counts["valid"]
        st.write(
            f"Every change on all {count:,} validation pictures, in the background; the pages go on meanwhile "
            "and the result is kept."
        )
        if job is not None and job.running:
            st.info(f"Another one is running, on {job.run.name} at {job.layer}.")
            return
        if st.button("Run it", type="primary", icon=":material/play_arrow:", key="run_recipe"):
            board().start(RecipeJob(run, layer))
            st.rerun()
        return
    st.caption(
        "The darker, the more pictures have this correlation; the diamond is the median. On an empty line the "
        "change raises an error for every picture."
    )
    st.altair_chart(
        spread_of_correlations(results.counts, results.summary, [change.name for change in changes], theme()),
        alt="How the correlations with the right map are spread, for each change",
    )
    st.dataframe(
        set_table(results.summary), hide_index=True, height="content", alt="Every change over the validation set"
    )
    with st.container(horizontal=True):
        for label, data, name in (
            ("Table as CSV", partial(results.summary.to_csv, index=False), "recipe"),
            ("Every picture as CSV", partial(pictures_csv, run, layer), "recipe-pictures"),
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
st.title("Recipe")
with clear_messages(run):
    image = chosen_image(run)
    if image is None:
        st.stop()
    st.write(
        "Grad-CAM is a recipe of small steps. Here each is left out or done otherwise: some raise an error, "
        "some do no harm, and some give **another map without a word**."
    )
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        predicted = run.manifest.class_names[image.predicted]
        st.markdown(f"**{image.name}** · predicted **{predicted}** ({image.probabilities[image.predicted]:.1%})")
        step_buttons(run, image)
    with st.spinner("Loading the learner…", show_time=True):
        stages, rewritten = layers_of(run, image)
    names = stages if rewritten is None else [*stages, rewritten]
    with heed_link(state.RECIPE_LAYER, names, "layer"):
        layer = st.selectbox(
            "Layer",
            names,
            index=len(stages) - 1,
            key=state.RECIPE_LAYER,
            bind="query-params",
            width=360,
            help="The stages of the network, and last in the list, where there is one, a layer whose output the "
            "network overwrites: only there is the clone missed.",
        )
    if layer == rewritten:
        st.caption(f"The output of `{layer}` is changed in place by the next step.")
    from analysis.chapter.running import code_of
    from analysis.explain.ablation_recipe import CHANGES
    from analysis.explain.ablation_recipe.kitchen import draw, take_gradient, weigh

    ways = tuple(change.choices for change in CHANGES)
    with st.spinner("Computing the map with each change…", show_time=True):
        found, right = effects_of(run, image, layer, "alone", ways)
    counts = {outcome: sum(effect.outcome == outcome for effect in found) for outcome in OUTCOMES}
    cells = st.grid(3, min_column_width=160)
    cells.metric("Raise an error", counts["raises"])
    cells.metric("Silently another map", counts["silent"])
    cells.metric(
        "Harmless", counts["harmless"], help="Correlation of at least 0.999, hottest point in the same cell."
    )
    multiples(run, image, right, CHANGES, found)
    st.subheader("Step by step")
    st.caption("How far the hottest point moves is a share of the picture's diagonal.")
    table = alone_table(CHANGES, found)
    st.dataframe(
        table.assign(correlation=[number(effect.correlation) for effect in found]),
        hide_index=True,
        height="content",
        alt="Every change alone: outcome, correlation with the right map, PyTorch's words",
    )
    for text in dict.fromkeys(effect.error or effect.warning for effect in found):
        if text is None:
            continue
        st.code(text, language=None, wrap_lines=True)
    st.download_button(
        "This table as CSV",
        data=lambda: table.to_csv(index=False),
        file_name=f"recipe-{image.name.rsplit('/', 1)[-1].rsplit('.', 1)[0]}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    code(*map(code_of, (take_gradient, weigh, draw)))
    both_at_once(run, image, layer, CHANGES, found)
    whole_set(run, layer, CHANGES)
