"""Where the runs of one recipe lie: a run on changed data goes beside the earlier one, never over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from analysis.data.labelled import LabelledExamples
from analysis.data.texts import LabelledTexts
from analysis.recipes.registry import AnyRecipe
from analysis.runs import Run, RunError, open_run


def places(target: Path) -> Iterator[Path]:
    """Yield the folders for runs of one recipe: the one named, then those with a number, from 2 on."""
    yield target
    for number in count(2):
        yield target.with_name(f"{target.name}-{number}")


def occupied(place: Path) -> bool:
    """Say whether something stands in a place, be it a run or not."""
    return place.exists() and (not place.is_dir() or any(place.iterdir()))


def run_of(place: Path, recipe: AnyRecipe) -> Run | None:
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


def changes_since(run: Run, data: LabelledExamples, name: str) -> str:
    """Return sentences that say why a run of the same recipe gets another name, and what the two share.

    Parameters
    ----------
    run : the earlier run, which stays
    data : the examples as they are now
    name : of the new run
    """
    texts = isinstance(data, LabelledTexts)
    noun = "texts" if texts else "images"
    then = run.manifest.counts["train"] + run.manifest.counts["valid"]
    changed = f"{then:,} then, {len(data.files):,} now" if texts else _changed_files(run, data)
    # a text's name is its row, which shifts: it is recognised by its words
    keys = data.texts if isinstance(data, LabelledTexts) else data.files
    sides = dict(zip(keys, data.valid, strict=True))
    validated = set(run.predictions(["text"])["text"]) if texts else set(run.examples().names("valid"))
    both = [key for key in validated if key in sides]
    again = sum(sides[key] for key in both)
    return (
        f"The {noun} in {data.root} are no longer those of the run {run.name} ({changed}). "
        f"That run stays as it is; the new one is {name}. "
        f"{len(both):,} of the earlier run's {len(validated):,} validation {noun} are still there; "
        f"{again:,} of them are validation {noun} again."
    )


def _changed_files(run: Run, data: LabelledExamples) -> str:
    sizes = run.examples().sizes
    now = dict(zip(data.files, data.file_facts(), strict=True))
    both = sizes.keys() & now.keys()
    other = sum(sizes[name] is not None and sizes[name] != now[name][0] for name in both)
    return f"{len(now.keys() - both):,} new, {len(sizes.keys() - both):,} gone, {other:,} of another size"
