"""Run folders: each holds one learner, of any kind, with its manifest, weights, predictions and probes.

This module reads them without torch, so that a page can show predictions before any network is loaded.
"""

from __future__ import annotations

import hashlib
import logging
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

import pandas as pd

from analysis.data.examples import Examples
from analysis.home import home
from analysis.kinds import kind_of, kinds
from analysis.manifest import MANIFEST, Manifest, RunError, file_stamp, read_manifest
from analysis.writer import put_back

__all__ = [
    "ACTIVATIONS",
    "EXAMPLES",
    "PREDICTIONS",
    "PROBES",
    "TOKENS",
    "WEIGHTS",
    "Run",
    "RunError",
    "check_digest",
    "foreign_files",
    "list_broken",
    "list_runs",
    "open_run",
    "restore_runs",
    "runs_root",
    "sha256",
]

log = logging.getLogger(__name__)

WEIGHTS = "weights.safetensors"
EXAMPLES = "examples.parquet"
PREDICTIONS = "predictions.parquet"
PROBES = "probes.safetensors"
ACTIVATIONS = "activations.safetensors"
TOKENS = "tokens.json"


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
                return _examples_of_schema_1(self.path / MANIFEST, *file_stamp(self.path / MANIFEST))
            return _examples(self.path / EXAMPLES, self.manifest.files.get(EXAMPLES))
        except (OSError, ValueError, KeyError, RunError) as error:
            raise RunError(
                f"The examples of {self.path} cannot be read: {error} {self.how_to_retrain()}"
            ) from error

    def predictions(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the predictions table, one row for each validation example.

        It is for work on the whole set; a page asks `analysis.predictions`.

        Parameters
        ----------
        columns : the columns to read; None for all of them

        Returns
        -------
        Columns path, label, predicted (class names), confidence, probability_of_label, loss, margin, entropy,
        split, probabilities (float32 array in vocabulary order); for words also text.

        Raises
        ------
        RunError : the file is not the one that the manifest names
        """
        again = self.how_to_evaluate()
        check_digest(self, PREDICTIONS, again)
        try:
            return pd.read_parquet(self.path / PREDICTIONS, columns=None if columns is None else list(columns))
        except (OSError, ValueError) as error:
            raise RunError(f"{self.path / PREDICTIONS} cannot be read ({error}). {again}") from error

    def how_to_evaluate(self) -> str:
        """Return the command that predicts again, as the last sentence of an error message."""
        words = ["python", "-m", "analysis", "evaluate", "--run", str(self.path), "--force"]
        return f"Make it again: {shlex.join(words)}"

    def how_to_retrain(self) -> str:
        """Return the command that trains again, as the last sentence of an error message."""
        words = ["python", "-m", "analysis", "fit", *self.manifest.recipe.options()]
        return f"Train it again: {shlex.join([*words, '--run', str(self.path), '--force'])}"

    def image_path(self, file: str) -> Path:
        """Return the path of one of the run's images; raises RunError for a name that leads out of its folder."""
        relative = PurePosixPath(file)
        if relative.is_absolute() or ".." in relative.parts:
            raise RunError(f"{file!r} is not a file name relative to the images' folder.")
        return Path(self.manifest.data_root) / relative


def runs_root() -> Path:
    """Return the folder that holds the runs, and create it where it is missing."""
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


def foreign_files(folder: Path) -> list[str]:
    """Return the names in a folder that belong to no run; leftovers of a killed writer count as the run's."""
    names = {MANIFEST, EXAMPLES}.union(*((*kind.files, *kind.more_files) for kind in kinds()))
    leftovers = tuple(f".{name}." for name in names)
    return sorted(
        path.name
        for path in folder.iterdir()
        if not path.is_file() or not (path.name in names or path.name.startswith(leftovers))
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


@lru_cache(maxsize=8)
def _examples(path: Path, digest: str | None) -> Examples:
    _check_sha256(path, digest)
    return Examples.read(path)


@lru_cache(maxsize=8)
def _examples_of_schema_1(manifest: Path, modified_ns: int, inode: int) -> Examples:
    return Examples.read_schema_1(manifest)


def list_runs(root: str | Path | None = None, kind: str | None = None) -> list[Run]:
    """Return the complete runs under a folder, newest first; only those of one kind where it is named."""
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
    # a name that begins with a dot belongs to a fit that is running or was killed
    candidates = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    for path in sorted(candidates):
        try:
            runs.append(open_run(path))
        except RunError as error:
            broken.append((path, str(error)))
    runs.sort(key=lambda run: run.manifest.created, reverse=True)
    return runs, broken
