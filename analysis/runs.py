"""Run folders: one learner each, of any kind, with its manifest, weights, predictions and probes.

Reading only, without torch: a gallery of predictions stands before any network is loaded.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from analysis.data.examples import Examples
from analysis.errors import CamLensError
from analysis.home import home
from analysis.kinds import kind_of, kinds, recipe_from
from analysis.recipes.base import RecipeBase, RecipeError
from analysis.writer import put_back

log = logging.getLogger(__name__)

SCHEMA = 2
MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors"
EXAMPLES = "examples.parquet"
PREDICTIONS = "predictions.parquet"
PROBES = "probes.safetensors"
ACTIVATIONS = "activations.safetensors"
TOKENS = "tokens.json"


Statistics = tuple[tuple[float, ...], tuple[float, ...]]


class RunError(CamLensError, RuntimeError):
    """A run cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Manifest:
    """What a run was made from and with.

    Attributes
    ----------
    schema : version of this layout; 1 is read too, see `Run.examples`
    created : ISO 8601 time with its zone
    recipe : how it was made
    vocabulary : fastai's labels, in the order of the network's outputs
    class_names : the same, as shown to a person
    data_root : folder or file that the examples were read from
    counts : how many examples are in "train" and "valid", and how many were left out ("skipped")
    fingerprint : of the data (`Labelled.fingerprint`)
    versions : library -> version
    device : where it was trained
    normalize : mean and standard deviation of the pixels (0 to 1), one number a colour channel; empty for words
    history : one row an epoch: phase, epoch, train_loss, valid_loss, error_rate, seconds
    files : name -> sha256 of the run's other files
    results : of the predictions: "examples" and "mistakes" among them, and how many were "missing" from the
        validation set; empty in a run of schema 1
    notes : sentences on what was done otherwise than asked
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
        """Return the name of the learner's kind: "images", "words" or another one of `analysis.kinds`."""
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
                    f"The run has layout {values['schema']}; 1 and {SCHEMA} are known. Bring CAM Lens up to date, "
                    f"or fit the run again."
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
            values["notes"] = tuple(values.get("notes", ()))  # runs of older versions have none
            return cls(**values)
        except (KeyError, TypeError, ValueError, AttributeError, RecipeError) as error:
            raise RunError(f"{MANIFEST} cannot be read ({error!r}). Fit the run again.") from error


@dataclass(frozen=True)
class Run:
    """A complete run: its folder and its manifest."""

    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """Return the folder's name."""
        return self.path.name

    def examples(self) -> Examples:
        """Return the run's examples with their labels and their split, read once; raises RunError."""
        try:
            if self.manifest.schema == 1:
                now = read_manifest(self.path)
                if now.schema > 1:  # evaluated since this object was made
                    return Run(self.path, now).examples()
                return _examples_of_schema_1(self.path / MANIFEST, *_stamp(self.path / MANIFEST))
            return _examples(self.path / EXAMPLES, self.manifest.files.get(EXAMPLES))
        except (OSError, ValueError, KeyError, RunError) as error:
            raise RunError(
                f"The examples of {self.path} cannot be read: {error} {self.how_to_retrain()}"
            ) from error

    def predictions(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the predictions table, one row a validation example; only some columns where they are named.

        For work on the whole set; a page asks `analysis.predictions`.

        Columns: path, label, predicted (class names), confidence, probability_of_label, loss, margin,
        entropy, split, probabilities (float32 array in vocabulary order); of words also text. Raises RunError
        where the file is not the one that the manifest names.
        """
        again = self.how_to_evaluate()
        check_digest(self, PREDICTIONS, again)
        try:
            return pd.read_parquet(self.path / PREDICTIONS, columns=None if columns is None else list(columns))
        except (OSError, ValueError) as error:
            raise RunError(f"{self.path / PREDICTIONS} cannot be read ({error}). {again}") from error

    def how_to_evaluate(self) -> str:
        """Return the sentence that ends an error message about predictions, which can be made again."""
        words = ["python", "-m", "analysis", "evaluate", "--run", str(self.path), "--force"]
        return f"Make it again: {shlex.join(words)}"

    def how_to_retrain(self) -> str:
        """Return the sentence that ends an error message about files only a new training can replace."""
        words = ["python", "-m", "analysis", "fit", *self.manifest.recipe.options()]
        return f"Train it again: {shlex.join([*words, '--run', str(self.path), '--force'])}"

    def image_path(self, file: str) -> Path:
        """Return where an image of the run lies; raises RunError for a name that leads out of its folder."""
        relative = PurePosixPath(file)
        if relative.is_absolute() or ".." in relative.parts:
            raise RunError(f"{file!r} is not a file name relative to the images' folder.")
        return Path(self.manifest.data_root) / relative


def runs_root() -> Path:
    """Return the folder that holds the runs, made when missing."""
    folder = home() / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def open_run(path: str | Path) -> Run:
    """Open a complete run; raises RunError where something is missing or cannot be read."""
    path = Path(path).expanduser().absolute()
    if not path.exists() and path.parent.is_dir():
        restore_runs(path.parent)
    run = Run(path, read_manifest(path))
    needed = kind_of(run.manifest.recipe).files + ((EXAMPLES,) if run.manifest.schema > 1 else ())
    missing = [name for name in needed if not (path / name).is_file()]
    if missing:
        raise RunError(f"The run {path} lacks {', '.join(missing)}. Fit it again.")
    return run


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest in a run folder, whether or not the run is complete; raises RunError."""
    try:
        return _read_manifest(folder / MANIFEST, *_stamp(folder / MANIFEST))
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{folder} holds no run: {MANIFEST} is missing or cannot be read.") from error


def looks_like_a_run(folder: Path) -> bool:
    """Say whether a folder's manifest has the keys of ours, even where it cannot be read as a run."""
    try:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and {"schema", "recipe"} <= values.keys()


def strangers(folder: Path) -> list[str]:
    """Return the names in a run folder that are no file of a run, nor what a killed writer left of one."""
    names = {MANIFEST, EXAMPLES}.union(*((*kind.files, *kind.more_files) for kind in kinds()))
    left = tuple(f".{name}." for name in names)
    return sorted(
        path.name
        for path in folder.iterdir()
        if not path.is_file() or not (path.name in names or path.name.startswith(left))
    )


def check_digest(run: Run, name: str, cure: str) -> None:
    """Raise RunError, ending in `cure`, where a file of a run is not the one its manifest names."""
    try:
        _check_sha256(run.path / name, run.manifest.files.get(name))
    except OSError as error:
        raise RunError(f"{run.path / name} cannot be read: {error}. {cure}") from error
    except RunError as error:
        raise RunError(f"{error} {cure}") from error


def _check_sha256(path: Path, expected: str | None) -> None:
    if sha256(path) != expected:
        raise RunError(f"{path} was changed since it was written: its sha256 does not match.")


def sha256(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes when a file is replaced."""
    facts = path.stat()
    return facts.st_mtime_ns, facts.st_ino


@lru_cache(maxsize=256)
def _read_manifest(path: Path, modified_ns: int, inode: int) -> Manifest:
    # a dashboard lists its runs at every click, and the manifest of schema 1 is as large as its data set
    return Manifest.from_json(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=8)
def _examples(path: Path, digest: str | None) -> Examples:
    _check_sha256(path, digest)
    return Examples.read(path)


@lru_cache(maxsize=8)
def _examples_of_schema_1(manifest: Path, modified_ns: int, inode: int) -> Examples:
    return Examples.read_schema_1(manifest)


def list_runs(root: str | Path | None = None, kind: str | None = None) -> list[Run]:
    """Return the complete runs under a folder, newest first; of one kind only where it is named."""
    return [run for run in _scan(root)[0] if kind is None or run.manifest.kind == kind]


def list_broken(root: str | Path | None = None) -> list[tuple[Path, str]]:
    """Return (folder, reason) for each folder that looks like a run and cannot be opened."""
    return _scan(root)[1]


def restore_runs(root: str | Path | None = None) -> list[str]:
    """Bring back the runs that a killed fit had moved aside, and return one sentence for each of them."""
    folder = runs_root() if root is None else Path(root)
    sentences = [
        f"The run {path.name} is back: the fit that was about to replace it was killed halfway."
        for path in put_back(folder)
    ]
    for sentence in sentences:
        log.warning(sentence)
    return sentences


def _scan(root: str | Path | None) -> tuple[list[Run], list[tuple[Path, str]]]:
    folder = runs_root() if root is None else Path(root)
    restore_runs(folder)
    runs: list[Run] = []
    broken: list[tuple[Path, str]] = []
    # a name that begins with a dot is a fit under way, or what a killed one left
    candidates = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    for path in sorted(candidates):
        try:
            runs.append(open_run(path))
        except RunError as error:
            broken.append((path, str(error)))
    runs.sort(key=lambda run: run.manifest.created, reverse=True)
    return runs, broken
