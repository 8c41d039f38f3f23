"""The predictions of the whole validation set, saved as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import torch

from analysis.kinds import kind_of, resolve
from analysis.learner.loaded import LoadedLearner, load_any
from analysis.manifest import SCHEMA, read_manifest, write_manifest
from analysis.predictions.file import stored_key, write_predictions
from analysis.progress import ProgressEvent, Report, silent
from analysis.runs import EXAMPLES, PREDICTIONS, WEIGHTS, Run, RunError, sha256
from analysis.writer import run_writer

_NAMED = 10  # missing images that a sentence names


def evaluate(run: Run, loaded: LoadedLearner | None = None, force: bool = False, report: Report = silent) -> Run:
    """Bring a run's predictions table up to date and return the run with its new digest.

    Nothing is computed while the weights and the examples are those of the table that is there, unless
    `force` or where the run is of schema 1, which this rewrites. Validation examples that are gone get no row;
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


def evaluate_held(
    run: Run, loaded: LoadedLearner | None = None, force: bool = False, report: Report = silent
) -> Run:
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
    """Return a sentence that names validation examples which are gone, the first of them where they are many."""
    names = ", ".join(missing[:_NAMED]) + (f" and {len(missing) - _NAMED:,} more" if len(missing) > _NAMED else "")
    count, nouns = run.manifest.counts["valid"], kind_of(run.manifest.recipe).nouns
    return (
        f"{len(missing):,} of {count:,} validation {nouns} of {run.name} are missing under "
        f"{run.manifest.data_root} and have no prediction: {names}"
    )


def _missing(run: Run, files: Sequence[str]) -> list[str]:
    """Return the examples that are gone; raise RunError where none is left."""
    kind = kind_of(run.manifest.recipe)
    missing: list[str] = resolve(kind.missing)(run, files)
    root = run.manifest.data_root
    if missing and len(missing) == len(files):
        raise RunError(
            f"All {len(files):,} validation {kind.nouns} of {run.name} are missing under {root}, the first one "
            f"{files[0]}. Put the folder back, or fit again on the {kind.nouns} as they are now."
        )
    return missing


def predict(loaded: LoadedLearner, files: Sequence[str], report: Report = silent) -> pd.DataFrame:
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


def _key(run: Run) -> str:
    """Say what the predictions depend on: the weights, and the examples as they are on the disk now."""
    now: dict[str, str] = resolve(kind_of(run.manifest.recipe).state)(run)
    return json.dumps({"weights": run.manifest.files[WEIGHTS], **now}, sort_keys=True)
