"""The pictures of a run as they are on the disk now; importing this does not load torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from analysis.data.source import LabelledImages
from analysis.recipes.images import ImageRecipe
from analysis.runs import Run, RunError


def image_recipe(run: Run) -> ImageRecipe:
    """Return the recipe of a run of pictures; raises RunError for a run of another kind."""
    recipe = run.manifest.recipe
    if not isinstance(recipe, ImageRecipe):
        raise RunError(f"{run.name} is a run of {run.manifest.kind}, not of images.")
    return recipe


def missing(run: Run, files: Sequence[str]) -> list[str]:
    """Return the pictures that are no longer there."""
    return [file for file in files if not run.image_path(file).is_file()]


def state(run: Run) -> dict[str, str]:
    """Return what changes when a picture does, from sizes and times; no pixels are read.

    The times of the validation images count here and not in the fingerprint: pixels can change at an equal
    number of bytes, but data that was only copied is no reason to train again.
    """
    manifest, recipe, examples = run.manifest, image_recipe(run), run.examples()
    now = LabelledImages(
        source=recipe.source,
        task=recipe.task,
        root=Path(manifest.data_root),
        files=tuple(examples.labels),
        labels=tuple(manifest.vocabulary[label] for label in examples.labels.values()),
        valid=tuple(examples.sides.values()),
    )
    times = [_modified(run.image_path(file)) for file in examples.names("valid")]
    return {"data": now.fingerprint(), "times": hashlib.sha256(json.dumps(times).encode()).hexdigest()}


def _modified(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else -1
