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
from analysis.data.labelled import LabelledExamples
from analysis.explain.probe import Probe
from analysis.fitting.run_folders import (
    describe_changes,
    is_occupied,
    numbered_folders,
    run_with_recipe,
    was_fitted_on,
)
from analysis.kinds import kind_of, resolve
from analysis.learner.loaded import LoadedLearner
from analysis.learner.probes.files import save_probes
from analysis.learner.probes.fit import fit_probe
from analysis.learner.steps import FitSteps, TrainingResult
from analysis.learner.training import TrainingError
from analysis.learner.weights_file import save_weights
from analysis.manifest import MANIFEST, Manifest, looks_like_a_run, write_manifest
from analysis.progress import ProgressEvent, Report, TimedReport, silent, within
from analysis.recipes.base import RecipeBase, RecipeError
from analysis.runs import EXAMPLES, PROBES, WEIGHTS, Run, RunError, foreign_files, open_run, runs_root, sha256
from analysis.sweeps.evaluation import evaluate_held
from analysis.writer import RunWriter, run_writer

_DATA_SHARE = 0.15  # of the whole job: drawing the demo's pictures, against training on them


def fit(
    recipe: RecipeBase,
    run_dir: str | Path | None = None,
    report: Report | None = None,
    force: bool = False,
    device: torch.device | str | None = None,
) -> Run:
    """Train a learner as the recipe says, and return its run with predictions and probes.

    Where there is a run of the same recipe on the same data already, it is returned as it is. A run of the same
    recipe on other data stays as it is too: the new one gets the next free number, and a note says so. The run
    folder appears when it is complete. What a killed process leaves does not disturb the next call.

    Parameters
    ----------
    run_dir : folder of the run; None for one that is named after the recipe, under `runs_root()`
    report : receives the progress of the whole job
    force : replace the run in that folder, also one of another recipe or a damaged one
    device : where to train; None for CUDA where there is one, else the CPU

    Raises
    ------
    CamLensError : a RecipeError, DataError, ImageError, WeightsError, TrainingError or RunError; each message
        says what to do
    """
    timed = TimedReport(report or silent)
    steps = _steps(recipe)
    notes = steps.adapt_recipe(within(timed, 0.0, 0.0))
    recipe = steps.recipe
    target = Path(run_dir).expanduser().absolute() if run_dir else runs_root() / recipe.run_name()

    data: LabelledExamples | None = None
    earlier: Run | None = None
    for folder in numbered_folders(target):
        with run_writer(folder, partial(_report_waiting, timed, folder)) as writer:
            if data is None:
                _refuse_other(target, recipe, force)
                data = steps.load_data(within(timed, 0.0, _DATA_SHARE))
            run = None if force else run_with_recipe(folder, recipe)
            if run is None or not was_fitted_on(run, data):
                if is_occupied(folder) and not force:
                    earlier = run or earlier
                    continue
                if earlier is not None:
                    notes = (*notes, describe_changes(steps, earlier, data, folder.name))
                    timed(ProgressEvent("data", notes[-1], _DATA_SHARE))
                _refuse_foreign_files(folder)
                timed.restart(_DATA_SHARE)
                run = _fit_run(steps, data, notes, writer, within(timed, _DATA_SHARE, 1.0), device)
            timed(ProgressEvent("done", f"The run {run.name} is ready", 1.0))
            return run
    raise AssertionError("there is always one more number")


def _report_waiting(report: Report, folder: Path) -> None:
    report(ProgressEvent("data", f"Another process is fitting {folder.name}; waiting for it", 0.0))


def _steps(recipe: RecipeBase) -> FitSteps:
    kind = kind_of(recipe)
    if kind.steps is None:
        raise RecipeError(f"Learners of the kind {kind.name!r} cannot be trained here.")
    return resolve(kind.steps)(recipe)


def _refuse_other(target: Path, recipe: RecipeBase, force: bool) -> None:
    """Raise RunError where the folder holds something that a fit must not replace."""
    if not target.exists():
        return
    if not target.is_dir():
        raise RunError(f"{target} is a file; name a folder for the run.")
    if not any(target.iterdir()):
        return
    if not (target / MANIFEST).is_file():
        raise RunError(f"{target} holds other files and no run; name another folder.")
    try:
        existing = open_run(target).manifest.recipe
    except RunError as error:
        if not looks_like_a_run(target):
            raise RunError(
                f"{target} holds a {MANIFEST} that cannot be read as a run's; it may be another program's. "
                f"Name another folder."
            ) from error
        _refuse_foreign_files(target)
        if not force:
            raise RunError(
                f"{target} holds a damaged run ({error}) Name another folder, or replace it with --force."
            ) from error
        return
    if existing != recipe and not force:
        raise RunError(
            f"{target} holds a run of another recipe ({existing.to_json()}). "
            f"Name another folder, or replace it with --force."
        )


def _refuse_foreign_files(target: Path) -> None:
    """Raise RunError where replacing the folder would remove files that do not belong to a run."""
    foreign = foreign_files(target) if target.exists() else []
    if foreign:
        raise RunError(
            f"{target} also holds {', '.join(foreign[:3])}, which a new run would remove. "
            f"Name another folder, or move your own files away."
        )


def _fit_run(
    steps: FitSteps,
    data: LabelledExamples,
    notes: tuple[str, ...],
    writer: RunWriter,
    report: Report,
    device: torch.device | str | None,
) -> Run:
    train_end, evaluate_end = _stage_ends(steps.stage_costs(data))
    try:
        training = steps.train(
            data, None if device is None else torch.device(device), within(report, 0.0, train_end)
        )
    except torch.OutOfMemoryError as error:
        raise TrainingError(steps.memory_advice()) from error
    report(ProgressEvent("save", "Saving the weights", train_end))
    folder = writer.start()
    trained_on = training.learner.dls.device
    examples = Examples.of(data)
    examples.write(folder / EXAMPLES)
    files = {
        WEIGHTS: save_weights(training.learner.model, folder),
        EXAMPLES: sha256(folder / EXAMPLES),
        **training.save_extras(folder),
    }
    manifest = _manifest(steps, data, examples.counts(), training, trained_on, files, notes)
    # evaluate the network that was saved, not the one that is still in memory
    del training
    loaded = steps.load_learner(Run(folder, manifest), data, trained_on)
    run = evaluate_held(loaded.run, loaded, report=within(report, train_end, evaluate_end))
    _fit_probes(steps, loaded, folder, within(report, evaluate_end, 1.0))
    files = {**run.manifest.files, PROBES: sha256(folder / PROBES)}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    write_manifest(replace(run.manifest, files=files, created=now), folder)
    writer.publish()
    return open_run(writer.target)


def _stage_ends(costs: Mapping[str, float]) -> tuple[float, float]:
    """Return the shares of the whole cost, 0..1, at which the training and the evaluation end."""
    total = sum(costs.values())
    return costs["train"] / total, (costs["train"] + costs["evaluate"]) / total


def _manifest(
    steps: FitSteps,
    data: LabelledExamples,
    counts: Mapping[str, int],
    training: TrainingResult,
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
        history=tuple(training.history),
        files=files,
        notes=notes,
    )


def _fit_probes(steps: FitSteps, loaded: LoadedLearner, folder: Path, report: Report) -> None:
    """Fit a linear probe at each layer of the network, on the training examples, and write them to a folder."""
    manifest, examples = loaded.run.manifest, loaded.run.examples()
    total = len(examples.labels)
    features: dict[str, dict[str, np.ndarray]] = {}
    answers: dict[str, np.ndarray] = {}
    before = 0.0
    for part in ("train", "valid"):
        files = examples.names(part)
        after = before + 0.8 * len(files) / total
        features[part] = steps.pooled_features(loaded, files, within(report, before, after))
        answers[part] = np.array([examples.labels[file] for file in files])
        before = after
    probes: dict[str, Probe] = {}
    layers = list(features["train"])
    # for small matrices a second BLAS thread gains nothing, and beside a busy process it costs a minute
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
