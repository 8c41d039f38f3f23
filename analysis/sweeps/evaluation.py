"""The predictions of the whole validation set, saved as a table."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from analysis.data.source import LabelledImages
from analysis.learner.loaded import Loaded, load_any
from analysis.predictions.file import stored_key, write_predictions
from analysis.progress import ProgressEvent, Report, silent
from analysis.runs import (
    EXAMPLES,
    MANIFEST,
    PREDICTIONS,
    SCHEMA,
    WEIGHTS,
    Manifest,
    Run,
    RunError,
    read_manifest,
    sha256,
)
from analysis.writer import run_writer

_NAMED = 10  # missing images that a sentence names


def evaluate(run: Run, loaded: Loaded | None = None, force: bool = False, report: Report = silent) -> Run:
    """Bring a run's predictions table up to date and return the run with its new digest.

    Nothing is computed while the weights and the examples are those of the table that is there, unless
    `force` or where the run is of schema 1, which this rewrites. Validation images that are gone get no row;
    the report names them. Waits where another process is fitting or evaluating this run, and goes by the
    manifest that is there then.

    Parameters
    ----------
    loaded : the run's learner, where it is in memory already
    report : receives stage "evaluate"

    Raises
    ------
    RunError : the weights were changed, or all validation examples are missing
    ImageError : a validation image is damaged
    """

    def waiting() -> None:
        report(ProgressEvent("evaluate", f"Another process is writing {run.name}; waiting for it", 0.0))

    with run_writer(run.path, waiting):
        now = Run(run.path, read_manifest(run.path))
        same = now.manifest.files.get(WEIGHTS) == run.manifest.files.get(WEIGHTS)
        return evaluate_held(now, loaded if same else None, force, report)


def evaluate_held(run: Run, loaded: Loaded | None = None, force: bool = False, report: Report = silent) -> Run:
    """Do what `evaluate` does, for a caller that holds the right to write the run folder."""
    key, path = _key(run), run.path / PREDICTIONS
    current = run.manifest.schema == SCHEMA and run.manifest.results
    if not force and current and stored_key(path) == key and sha256(path) == run.manifest.files.get(PREDICTIONS):
        return run
    files = run.examples().names("valid")
    missing = _missing(run, files)
    if missing:
        report(ProgressEvent("evaluate", missing_sentence(run, missing), 0.0))
    gone = set(missing)
    table = predict(loaded or load_any(run), [file for file in files if file not in gone], report)
    write_predictions(table, path, key)
    digests = {**run.manifest.files, PREDICTIONS: sha256(path)}
    if run.manifest.schema != SCHEMA:
        run.examples().write(run.path / EXAMPLES)
        digests[EXAMPLES] = sha256(run.path / EXAMPLES)
    mistakes = int((table["label"] != table["predicted"]).sum())
    results = {"examples": len(table), "mistakes": mistakes, "missing": len(missing)}
    manifest = replace(run.manifest, schema=SCHEMA, files=digests, results=results)
    write_manifest(manifest, run.path)
    return Run(run.path, manifest)


def missing_examples(run: Run) -> list[str]:
    """Return the validation examples that have no prediction, because they were gone."""
    there = set(run.predictions(["path"])["path"])
    return [name for name in run.examples().names("valid") if name not in there]


def missing_sentence(run: Run, missing: Sequence[str]) -> str:
    """Return a sentence that names validation images which are gone, the first of them where they are many."""
    names = ", ".join(missing[:_NAMED]) + (f" and {len(missing) - _NAMED:,} more" if len(missing) > _NAMED else "")
    count = run.manifest.counts["valid"]
    return (
        f"{len(missing):,} of {count:,} validation images of {run.name} are missing under "
        f"{run.manifest.data_root} and have no prediction: {names}"
    )


def _missing(run: Run, files: Sequence[str]) -> list[str]:
    """Return the images that are gone; raise RunError where none is left."""
    if run.manifest.kind == "words":  # all texts lie in one source, which is there or not
        return []
    missing = [file for file in files if not run.image_path(file).is_file()]
    if len(missing) == len(files):
        raise RunError(
            f"All {len(files):,} validation images of {run.name} are missing under {run.manifest.data_root}, the "
            f"first one {files[0]}. Put the folder back, or fit again on the images as they are now."
        )
    return missing


def predict(loaded: Loaded, files: Sequence[str], report: Report = silent) -> pd.DataFrame:
    """Return the predictions for examples of a run, one row each, in the order given.

    Columns: path, label, predicted (class names), confidence (highest probability), probability_of_label,
    loss (cross entropy, nats), margin (highest minus second probability), entropy (nats), split,
    probabilities (list of float32 in vocabulary order); of words also text.
    """
    examples = loaded.run.examples()
    logits = loaded.logits(files, report)
    answers = torch.tensor([examples.labels[file] for file in files])
    table = _table(logits, answers, loaded.run.manifest.class_names)
    table.insert(0, "path", list(files))
    table.insert(8, "split", ["valid" if examples.sides[file] else "train" for file in files])
    for name, column in loaded.columns(files).items():
        table[name] = column
    return table


def _table(logits: torch.Tensor, answers: torch.Tensor, class_names: Sequence[str]) -> pd.DataFrame:
    """Return the columns that follow from logits (N, C) float64 and true classes (N,)."""
    log_probabilities = logits.log_softmax(dim=1)
    probabilities = log_probabilities.exp()
    highest = probabilities.topk(2, dim=1)
    of_label = log_probabilities.gather(1, answers[:, None])[:, 0]
    return pd.DataFrame(
        {
            "label": [class_names[i] for i in answers],
            "predicted": [class_names[i] for i in highest.indices[:, 0]],
            "confidence": highest.values[:, 0].numpy(),
            "probability_of_label": of_label.exp().numpy(),
            "loss": (-of_label).numpy(),
            "margin": (highest.values[:, 0] - highest.values[:, 1]).numpy(),
            "entropy": torch.special.entr(probabilities).sum(dim=1).numpy(),
            "probabilities": list(probabilities.float().numpy()),
        }
    )


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write `manifest.json` in one step: a reader sees the old one or the new one."""
    temporary = folder / f".{MANIFEST}.{os.getpid()}"
    try:
        temporary.write_text(manifest.to_json(), encoding="utf-8")
        os.replace(temporary, folder / MANIFEST)
    finally:
        temporary.unlink(missing_ok=True)


def _key(run: Run) -> str:
    """Say what the predictions depend on: the weights, and the examples as they are on the disk now."""
    now = _texts_now(run) if run.manifest.kind == "words" else _images_now(run)
    return json.dumps({"weights": run.manifest.files[WEIGHTS], **now}, sort_keys=True)


def _texts_now(run: Run) -> dict[str, str]:
    from analysis.learner.words.store import texts_of

    return {"data": texts_of(run).fingerprint()}


def _images_now(run: Run) -> dict[str, str]:
    """Read sizes and times, no pixels.

    The times of the validation images count here and not in the fingerprint: pixels can change at an equal
    number of bytes, but data that was only copied is no reason to train again.
    """
    manifest, examples = run.manifest, run.examples()
    files = tuple(examples.labels)
    now = LabelledImages(
        source=manifest.recipe.source,
        task=manifest.recipe.task,
        root=Path(manifest.data_root),
        files=files,
        labels=tuple(manifest.vocabulary[label] for label in examples.labels.values()),
        valid=tuple(examples.sides.values()),
    )
    times = [_modified(run.image_path(file)) for file in examples.names("valid")]
    return {"data": now.fingerprint(), "times": hashlib.sha256(json.dumps(times).encode()).hexdigest()}


def _modified(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else -1
