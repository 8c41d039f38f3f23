"""From a recipe to a complete run: data, training, predictions, probes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from analysis.data.examples import Examples
from analysis.data.labelled import Labelled
from analysis.explain.probe import Probe
from analysis.fitting.places import changes_since, is_of, occupied, places, run_of
from analysis.kinds import kind_of, resolve
from analysis.learner.loaded import LoadedLearner
from analysis.learner.probes.files import save_probes
from analysis.learner.probes.fit import fit_probe
from analysis.learner.steps import FitSteps, Trained
from analysis.learner.training import TrainingError
from analysis.learner.weights_file import save_weights
from analysis.progress import ProgressEvent, Report, TimedReport, silent, within
from analysis.recipes.base import RecipeBase, RecipeError
from analysis.runs import (
    EXAMPLES,
    MANIFEST,
    PROBES,
    WEIGHTS,
    Manifest,
    Run,
    RunError,
    looks_like_a_run,
    open_run,
    runs_root,
    sha256,
    strangers,
)
from analysis.sweeps.evaluation import evaluate_held, write_manifest
from analysis.writer import RunWriter, run_writer

_DATA_SHARE = 0.15  # of the whole job: drawing the demo's pictures, against training on them


def fit(
    recipe: RecipeBase,
    run_dir: str | Path | None = None,
    report: Report | None = None,
    force: bool = False,
    device: torch.device | str | None = None,
) -> Run:
    """Train a learner as the recipe says and return its run, complete with predictions and probes.

    A run of the same recipe on the same data that is already there is returned as it is. A run of the same
    recipe on other data stays too: the new one gets the next free number, and a note says so. The run folder
    appears when it is complete; a process killed before leaves nothing that the next call minds.

    Parameters
    ----------
    run_dir : where the run goes; a folder named after the recipe, under `runs_root()`, where none is given
    report : receives the progress of the whole job
    force : train again in the place of whatever run is there, also one of another recipe or a damaged one
    device : CUDA where there is one, unless named

    Raises
    ------
    CamLensError : a RecipeError, DataError, ImageError, WeightsError, TrainingError or RunError; each message
        says what to do
    """
    timed = TimedReport(report or silent)
    steps = _steps(recipe)
    notes = steps.settle(within(timed, 0.0, 0.0))
    recipe = steps.recipe
    target = Path(run_dir).expanduser().absolute() if run_dir else runs_root() / recipe.run_name()

    data: Labelled | None = None
    earlier: Run | None = None
    for place in places(target):
        with run_writer(place, partial(_say_waiting, timed, place)) as writer:
            if data is None:
                _refuse_other(target, recipe, force)
                data = steps.data(within(timed, 0.0, _DATA_SHARE))
            run = None if force else run_of(place, recipe)
            if run is None or not is_of(run, data):
                if occupied(place) and not force:
                    earlier = run or earlier
                    continue
                if earlier is not None:
                    notes = (*notes, changes_since(steps, earlier, data, place.name))
                    timed(ProgressEvent("data", notes[-1], _DATA_SHARE))
                _refuse_strangers(place)
                timed.restart(_DATA_SHARE)
                run = _make(steps, data, notes, writer, within(timed, _DATA_SHARE, 1.0), device)
            timed(ProgressEvent("done", f"The run {run.name} is ready", 1.0))
            return run
    raise AssertionError("places never end")


def _say_waiting(report: Report, place: Path) -> None:
    report(ProgressEvent("data", f"Another process is fitting {place.name}; waiting for it", 0.0))


def _steps(recipe: RecipeBase) -> FitSteps:
    kind = kind_of(recipe)
    if kind.steps is None:
        raise RecipeError(f"Learners of the kind {kind.name!r} cannot be trained here.")
    return resolve(kind.steps)(recipe)


def _refuse_other(target: Path, recipe: RecipeBase, force: bool) -> None:
    """Raise RunError where the folder holds what a fit must not replace."""
    if not target.exists():
        return
    if not target.is_dir():
        raise RunError(f"{target} is a file; name a folder for the run.")
    if not any(target.iterdir()):
        return
    if not (target / MANIFEST).is_file():
        raise RunError(f"{target} holds other files and no run; name another folder.")
    try:
        held = open_run(target).manifest.recipe
    except RunError as error:
        if not looks_like_a_run(target):
            raise RunError(
                f"{target} holds a {MANIFEST} that cannot be read as a run's; it may be another program's. "
                f"Name another folder."
            ) from error
        _refuse_strangers(target)
        if not force:
            raise RunError(
                f"{target} holds a damaged run ({error}) Name another folder, or replace it with --force."
            ) from error
        return
    if held != recipe and not force:
        raise RunError(
            f"{target} holds a run of another recipe ({held.to_json()}). "
            f"Name another folder, or replace it with --force."
        )


def _refuse_strangers(target: Path) -> None:
    """Raise RunError where replacing the folder would remove files that are no run's."""
    found = strangers(target) if target.exists() else []
    if found:
        raise RunError(
            f"{target} also holds {', '.join(found[:3])}, which a new run would remove. "
            f"Name another folder, or move what is yours away."
        )


def _make(
    steps: FitSteps,
    data: Labelled,
    notes: tuple[str, ...],
    writer: RunWriter,
    report: Report,
    device: torch.device | str | None,
) -> Run:
    train_end, evaluate_end = _stage_ends(steps.work(data))
    try:
        trained = steps.train(
            data, None if device is None else torch.device(device), within(report, 0.0, train_end)
        )
    except torch.OutOfMemoryError as error:
        raise TrainingError(steps.smaller()) from error
    report(ProgressEvent("save", "Saving the weights", train_end))
    folder = writer.start()
    place = trained.learn.dls.device
    examples = Examples.of(data)
    examples.write(folder / EXAMPLES)
    files = {
        WEIGHTS: save_weights(trained.learn.model, folder),
        EXAMPLES: sha256(folder / EXAMPLES),
        **trained.keep(folder),
    }
    manifest = _manifest(steps, data, examples.counts(), trained, place, files, notes)
    # what is evaluated is what was saved and will be loaded, not what is still in memory
    del trained
    loaded = steps.load(Run(folder, manifest), data, place)
    run = evaluate_held(loaded.run, loaded, report=within(report, train_end, evaluate_end))
    _probe(steps, loaded, folder, within(report, evaluate_end, 1.0))
    files = {**run.manifest.files, PROBES: sha256(folder / PROBES)}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    write_manifest(replace(run.manifest, files=files, created=now), folder)
    writer.publish()
    return open_run(writer.target)


def _stage_ends(work: Mapping[str, float]) -> tuple[float, float]:
    """Return at which share of the work the training and the evaluation end."""
    total = sum(work.values())
    return work["train"] / total, (work["train"] + work["evaluate"]) / total


def _manifest(
    steps: FitSteps,
    data: Labelled,
    counts: Mapping[str, int],
    trained: Trained,
    device: torch.device,
    files: Mapping[str, str],
    notes: tuple[str, ...],
) -> Manifest:
    return Manifest(
        recipe=steps.recipe,
        vocabulary=tuple(data.vocabulary()),
        class_names=tuple(data.class_names()),
        data_root=str(data.root),
        counts=counts,
        fingerprint=data.fingerprint(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {os.cpu_count()} cores",
        normalize=steps.normalize,
        versions={name: version(name) for name in steps.libraries},
        history=tuple(trained.history),
        files=files,
        notes=notes,
    )


def _probe(steps: FitSteps, loaded: LoadedLearner, folder: Path, report: Report) -> None:
    """Fit a linear probe at each layer of the network, on the training part, and write them to a folder."""
    manifest, examples = loaded.run.manifest, loaded.run.examples()
    total = len(examples.labels)
    features: dict[str, dict[str, np.ndarray]] = {}
    answers: dict[str, np.ndarray] = {}
    nouns = kind_of(steps.recipe).nouns
    before = 0
    for part in ("train", "valid"):
        files = examples.names(part)

        def collected(done: int, before: int = before) -> None:
            message = f"Collecting features for the probes, {before + done} of {total} {nouns}"
            report(ProgressEvent("probes", message, 0.8 * (before + done) / total))

        features[part] = steps.features(loaded, files, collected)
        answers[part] = np.array([examples.labels[file] for file in files])
        before += len(files)
    probes: dict[str, Probe] = {}
    layers = list(features["train"])
    # small matrices: a second BLAS thread gains nothing, and beside another busy process costs a minute
    with threadpool_limits(1, user_api="blas"):
        for count, layer in enumerate(layers):
            message = f"Fitting the linear probe of layer {count + 1} of {len(layers)}"
            report(ProgressEvent("probes", message, 0.8 + 0.2 * count / len(layers)))
            probes[layer] = fit_probe(
                features["train"][layer],
                answers["train"],
                features["valid"][layer],
                answers["valid"],
                len(manifest.vocabulary),
                manifest.recipe.seed,
            )
    save_probes(probes, folder)
