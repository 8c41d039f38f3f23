"""The folders of one recipe's runs: a run on changed data goes beside the earlier one and never replaces it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from analysis.data.labelled import LabelledExamples
from analysis.data.texts import LabelledTexts
from analysis.recipes.registry import AnyRecipe
from analysis.runs import Run, RunError, open_run


def numbered_folders(target: Path) -> Iterator[Path]:
    """Yield the folders for runs of one recipe: `target`, then `target-2`, `target-3` and so on."""
    yield target
    for number in count(2):
        yield target.with_name(f"{target.name}-{number}")


def is_occupied(folder: Path) -> bool:
    """Say whether there is anything at a path: a file, or a folder that is not empty."""
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def run_with_recipe(folder: Path, recipe: AnyRecipe) -> Run | None:
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


def describe_changes(run: Run, data: LabelledExamples, name: str) -> str:
    """Return sentences that say why the new run gets a folder of its own, and what the two runs share.

    Parameters
    ----------
    run : the earlier run of the same recipe, which stays
    data : the examples as they are now
    name : name of the new run
    """
    texts = isinstance(data, LabelledTexts)
    noun = "texts" if texts else "images"
    before = run.manifest.counts["train"] + run.manifest.counts["valid"]
    changed = f"{before:,} before, {len(data.files):,} now" if texts else _changed_files(run, data)
    # the name of a text is the number of its row, which can change: the text itself is the key
    keys = data.texts if isinstance(data, LabelledTexts) else data.files
    sides = dict(zip(keys, data.valid, strict=True))
    earlier = set(run.predictions(["text"])["text"]) if texts else set(run.examples().names("valid"))
    common = [key for key in earlier if key in sides]
    again = sum(sides[key] for key in common)
    return (
        f"The {noun} in {data.root} are no longer those of the run {run.name} ({changed}). "
        f"That run stays as it is; the new one is {name}. "
        f"{len(common):,} of the earlier run's {len(earlier):,} validation {noun} are still there; "
        f"{again:,} of them are validation {noun} again."
    )


def _changed_files(run: Run, data: LabelledExamples) -> str:
    sizes = run.examples().sizes
    now = dict(zip(data.files, data.file_facts(), strict=True))
    common = sizes.keys() & now.keys()
    resized = sum(sizes[name] is not None and sizes[name] != now[name][0] for name in common)
    return f"{len(now.keys() - common):,} new, {len(sizes.keys() - common):,} gone, {resized:,} of another size"
