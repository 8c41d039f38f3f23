"""The file `manifest.json` of a run: what the run was made from, and how it is read and written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from analysis.errors import CamLensError
from analysis.kinds import recipe_from
from analysis.recipes.base import RecipeBase, RecipeError

SCHEMA = 2
MANIFEST = "manifest.json"

Statistics = tuple[tuple[float, ...], tuple[float, ...]]


class RunError(CamLensError, RuntimeError):
    """A run cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Manifest:
    """What a run was made from, how, and with what result.

    Attributes
    ----------
    recipe : how the learner was fitted
    vocabulary : fastai's labels, in the order of the network's outputs
    class_names : the same labels as text for people
    data_root : folder or file that the examples were read from
    counts : how many examples are in "train" and "valid", and how many were left out ("skipped")
    fingerprint : of the data (`LabelledExamples.fingerprint`)
    created : ISO 8601 time with its zone
    device : the device that trained it
    normalize : mean and standard deviation of the pixels (0 to 1), one number for each colour channel; empty
        for words
    versions : library -> version
    history : one row for each epoch: phase, epoch, train_loss, valid_loss, error_rate, seconds
    files : name -> sha256 of the run's other files
    results : number of "examples" that were predicted, of "mistakes" among them, and of validation examples
        that were "missing"; empty in a run of schema 1
    notes : sentences that say where the fit differs from what was asked
    schema : version of this layout; version 1 can be read too, see `Run.examples`
    """

    recipe: RecipeBase
    vocabulary: tuple[Any, ...]
    class_names: tuple[str, ...]
    data_root: str
    counts: Mapping[str, int]
    fingerprint: str
    created: str
    device: str
    normalize: Statistics = ((), ())
    versions: Mapping[str, str] = field(default_factory=dict)
    history: tuple[Mapping[str, Any], ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    results: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    schema: int = SCHEMA

    @property
    def kind(self) -> str:
        """Return what the learner classifies: "images" or "words"."""
        return self.recipe.kind

    def to_json(self) -> str:
        """Return the manifest as indented JSON."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read what `to_json` wrote; raises RunError for anything else."""
        try:
            values = json.loads(text)
            if values["schema"] not in (1, SCHEMA):
                raise RunError(
                    f"The run has layout {values['schema']}; 1 and {SCHEMA} are known. Update CAM Lens, or fit "
                    f"the run again."
                )
            if values["schema"] == 1:
                parts = {**values.pop("split"), "skipped": values.pop("skipped")}
                del values["labels"]
                values["counts"] = {part: len(names) for part, names in parts.items()}
            values["recipe"] = recipe_from(values["recipe"])
            for key in ("vocabulary", "class_names", "history"):
                values[key] = tuple(values[key])
            mean, std = values["normalize"]
            values["normalize"] = (tuple(mean), tuple(std))
            values["notes"] = tuple(values.get("notes", ()))  # older versions wrote none
            return cls(**values)
        except (KeyError, TypeError, ValueError, AttributeError, RecipeError) as error:
            raise RunError(f"{MANIFEST} cannot be read ({error!r}). Fit the run again.") from error


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest in a run folder, whether or not the run is complete; raises RunError."""
    try:
        return _read_manifest(folder / MANIFEST, *file_stamp(folder / MANIFEST))
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{folder} holds no run: {MANIFEST} is missing or cannot be read.") from error


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write `manifest.json` in one step: a reader sees the old one or the new one."""
    temporary = folder / f".{MANIFEST}.{os.getpid()}"
    try:
        temporary.write_text(manifest.to_json(), encoding="utf-8")
        os.replace(temporary, folder / MANIFEST)
    finally:
        temporary.unlink(missing_ok=True)


def looks_like_a_run(folder: Path) -> bool:
    """Say whether a folder's manifest has a run's keys, even where it cannot be read as one."""
    try:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and {"schema", "recipe"} <= values.keys()


def file_stamp(path: Path) -> tuple[int, int]:
    """Return the modification time (ns) and the inode of a file: they change when it is replaced."""
    facts = path.stat()
    return facts.st_mtime_ns, facts.st_ino


@lru_cache(maxsize=256)
def _read_manifest(path: Path, modified_ns: int, inode: int) -> Manifest:
    # the dashboard lists the runs at every click, and a manifest of schema 1 is as large as its data set
    return Manifest.from_json(path.read_text(encoding="utf-8"))
