"""Where the runs of one recipe lie: a run on changed data goes beside the earlier one, never over it."""

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


def places(target: Path) -> Iterator[Path]:
    """Yield the folders for runs of one recipe: the one named, then those with a number, from 2 on."""
    yield target
    for number in count(2):
        yield target.with_name(f"{target.name}-{number}")


def occupied(place: Path) -> bool:
    """Say whether something stands in a place, be it a run or not."""
    return place.exists() and (not place.is_dir() or any(place.iterdir()))


def run_of(place: Path, recipe: RecipeBase) -> Run | None:
    """Return the run of a recipe that stands in a place, None where there is none that can be opened."""
    try:
        run = open_run(place)
    except RunError:
        return None
    return run if run.manifest.recipe == recipe else None


def is_of(run: Run, data: LabelledExamples) -> bool:
    """Say whether a run was made from these data, be they split as the run's were or otherwise."""
    try:
        sides = run.examples().sides
    except RunError:
        return False
    if sides.keys() != set(data.files):
        return False
    as_then = replace(data, valid=tuple(sides[name] for name in data.files))
    return as_then.fingerprint() == run.manifest.fingerprint


def changes_since(steps: FitSteps, run: Run, data: LabelledExamples, name: str) -> str:
    """Return sentences that say why a run of the same recipe gets another name, and what the two share.

    Parameters
    ----------
    steps : of the kind of learner
    run : the earlier run, which stays
    data : the examples as they are now
    name : of the new run
    """
    nouns = kind_of(run.manifest.recipe).nouns
    sides = dict(zip(steps.keys(data), data.valid, strict=True))
    validated = steps.validation_keys(run)
    both = [key for key in validated if key in sides]
    again = sum(sides[key] for key in both)
    return (
        f"The {nouns} in {data.root} are no longer those of the run {run.name} ({steps.difference(run, data)}). "
        f"That run stays as it is; the new one is {name}. "
        f"{len(both):,} of the earlier run's {len(validated):,} validation {nouns} are still there; "
        f"{again:,} of them are validation {nouns} again."
    )
