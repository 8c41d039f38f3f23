"""Every change of Grad-CAM on every validation picture: how similar the map stays, how often its peak moves."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from torch import Tensor

from analysis.explain.studies.ablation.effects import effects
from analysis.explain.studies.ablation.runner import BATCH_MATES, AblationRunner
from analysis.explain.studies.ablation.steps import CHANGES
from analysis.home import home
from analysis.learner.images.store import ImageLearner
from analysis.progress import Report, silent
from analysis.runs import PREDICTIONS, WEIGHTS, Run
from analysis.sweep import Shards, sweep

VERSION = 1  # of the steps and changes: raise it when they mean something else

BatchOf = Callable[[Sequence[str]], Tensor]


def ablate_set(
    loaded: ImageLearner,
    files: Sequence[str],
    layer: str,
    batch_of: BatchOf,
    report: Report = silent,
    out: Shards | None = None,
) -> pd.DataFrame:
    """Compute the map of every picture with each change alone.

    Parameters
    ----------
    files : image names of the run; they are read in batches, by which training mode normalises.
    batch_of : from names to a normalised batch (B, 3, H, W) on the learner's device.
    report : receives stage "evaluate"; raise from it to stop.
    out : where to keep what is computed until the set is done (`shards_of`), so that the next call resumes.

    Returns
    -------
    One row for each picture and change: path, step, change, outcome, correlation, moved, distance, error.
    """
    variants = [change.choices for change in CHANGES]
    runner: AblationRunner | None = None  # made from the first batch: a resumed sweep may have none left

    def ablate(names: Sequence[str]) -> pa.Table:
        nonlocal runner
        x = batch_of(names)
        if runner is None:
            runner = AblationRunner(loaded.model, x[:1], layer, loaded.run.manifest.normalize)
        return pa.Table.from_pylist(
            [
                {
                    "path": path,
                    "step": change.step,
                    "change": change.name,
                    "outcome": effect.outcome,
                    "correlation": effect.correlation,
                    "moved": effect.moved,
                    "distance": effect.distance,
                    "error": effect.error,
                }
                for path, maps in zip(names, runner.run(x, variants), strict=True)
                for change, effect in zip(CHANGES, effects(maps, variants), strict=True)
            ]
        )

    # batches of nearly the same size: the last one alone with few pictures would be normalised by few
    batches = np.array_split(np.arange(len(files)), max(1, -(-len(files) // (BATCH_MATES + 1))))
    message = "Picture {done} of {total}"
    return sweep(files, ablate, batches=batches, report=report, message=message, out=out).table().to_pandas()


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each change, in the order of `CHANGES`.

    Columns: step, change, pictures (their number), raises, silent, harmless (shares of the pictures), moved (share
    of the pictures with a map), median, low and high (median, 10 % and 90 % quantile of the correlation), error
    (the first message).
    """
    table = []
    for (step, change), part in rows.groupby(["step", "change"], sort=False):
        related = part["correlation"].dropna()
        moved = part["moved"].dropna()
        errors = part["error"].dropna()
        table.append(
            {
                "step": step,
                "change": change,
                "pictures": len(part),
                **{name: float((part["outcome"] == name).mean()) for name in ("raises", "silent", "harmless")},
                "moved": float(moved.astype(bool).mean()) if len(moved) else np.nan,
                "median": float(related.median()) if len(related) else np.nan,
                "low": float(related.quantile(0.1)) if len(related) else np.nan,
                "high": float(related.quantile(0.9)) if len(related) else np.nan,
                "error": errors.iloc[0] if len(errors) else None,
            }
        )
    return pd.DataFrame(table)


def correlation_counts(rows: pd.DataFrame, bins: int = 80) -> pd.DataFrame:
    """Return how many pictures of each change have a correlation in each of `bins` equal bins from -1 to 1.

    Columns: change, low, high (the bin's edges), pictures, share (of the change's pictures with a
    correlation). Empty bins are left out, so that the size does not grow with the number of pictures.
    """
    edges = np.linspace(-1.0, 1.0, bins + 1)
    tables = []
    for change, part in rows.groupby("change", sort=False):
        values = part["correlation"].dropna().clip(-1.0, 1.0)
        counts, _ = np.histogram(values, bins=edges)
        table = pd.DataFrame({"change": change, "low": edges[:-1], "high": edges[1:], "pictures": counts})
        tables.append(table.assign(share=counts / max(1, len(values))))
    everything = pd.concat(tables, ignore_index=True)
    return everything[everything["pictures"] > 0].reset_index(drop=True)


def table_path(run: Run, layer: str) -> Path:
    """Return the path of the table of a run's validation set, whether it exists or not.

    Its name is a digest of everything that the table depends on.
    """
    files = run.manifest.files
    key = [VERSION, files[WEIGHTS], files[PREDICTIONS], layer]  # the predictions name the pictures
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()
    return home() / "recipe-ablation" / f"{digest[:24]}.parquet"


def shards_of(run: Run, layer: str) -> Shards:
    """Return where the part of the table that is computed so far is kept until all of it is saved."""
    path = table_path(run, layer)
    return Shards(path.with_suffix(".shards"), path.stem)


def load_table(run: Run, layer: str) -> pd.DataFrame | None:
    """Return the saved table; None where there is none that can be read."""
    try:
        return pd.read_parquet(table_path(run, layer))
    except (OSError, ValueError):
        return None


def save_table(rows: pd.DataFrame, run: Run, layer: str) -> Path:
    """Save a table and return its path, and remove its shards.

    It is renamed at the end, so that a reader never sees half a file.
    """
    path = table_path(run, layer)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        rows.to_parquet(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    shutil.rmtree(shards_of(run, layer).folder, ignore_errors=True)
    return path
