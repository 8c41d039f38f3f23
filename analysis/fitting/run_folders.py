"""The folders of one recipe's runs: a run on changed data goes beside the earlier one and never replaces it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from analysis.data.labelled import LabelledExamples
from analysis.kinds import kind_of
from analysis.learner.steps import FitSteps
from analysis.recipes.base import RecipeBase
from analysis.runs import Run, RunError, open_run


def numbered_folders(target: Path) -> Iterator[Path]:
    """Yield the folders for runs of one recipe: `target`, then `target-2`, `target-3` and so on."""
    yield target
    for number in count(2):
        yield target.with_name(f"{target.name}-{number}")


def is_occupied(folder: Path) -> bool:
    """Say whether there is anything at a path: a file, or a folder that is not empty."""
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def run_with_recipe(folder: Path, recipe: RecipeBase) -> Run | None:
    """Return the run in a folder if it can be opened and was fitted with this recipe, else None."""
    try:
        run = open_run(folder)
    except RunError:
        return None
    return run if run.manifest.recipe == recipe else None


def was_fitted_on(run: Run, data: LabelledExamples) -> bool:
    """Say whether a run was fitted on these data, whatever their split is now."""
    try:
        sides = run.examples().sides
    except RunError:
        return False
    if sides.keys() != set(data.files):
        return False
    with_the_runs_split = replace(data, valid=tuple(sides[name] for name in data.files))
    return with_the_runs_split.fingerprint() == run.manifest.fingerprint


def describe_changes(steps: FitSteps, run: Run, data: LabelledExamples, name: str) -> str:
    """Return sentences that say why the new run gets a folder of its own, and what the two runs share.

    Parameters
    ----------
    steps : the fit of the new run
    run : the earlier run of the same recipe, which stays
    data : the examples as they are now
    name : name of the new run
    """
    nouns = kind_of(run.manifest.recipe).nouns
    sides = dict(zip(steps.keys(data), data.valid, strict=True))
    earlier = steps.validation_keys(run)
    common = [key for key in earlier if key in sides]
    again = sum(sides[key] for key in common)
    return (
        f"The {nouns} in {data.root} are no longer those of the run {run.name} ({steps.difference(run, data)}). "
        f"That run stays as it is; the new one is {name}. "
        f"{len(common):,} of the earlier run's {len(earlier):,} validation {nouns} are still there; "
        f"{again:,} of them are validation {nouns} again."
    )
