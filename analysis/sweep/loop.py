"""The one loop over a whole set of examples: batches, progress, cancel, resume."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import pyarrow as pa

from analysis.progress import ProgressEvent, Report, silent
from analysis.sweep.executor import Executor, local
from analysis.sweep.results import Results
from analysis.sweep.shards import Shards, is_complete, write_shard

E = TypeVar("E")
B = TypeVar("B")


def sweep(
    examples: Sequence[E],
    work: Callable[[Any], pa.Table],
    *,
    batch_size: int | None = None,
    batches: Sequence[np.ndarray] | None = None,
    read: Callable[[list[list[E]]], Iterable[Any]] | None = None,
    report: Report = silent,
    stage: str = "evaluate",
    message: str = "{done} of {total}",
    executor: Executor = local,
    out: Shards | None = None,
) -> Results:
    """Do the same work on every example of a set, batch by batch.

    Cancel a sweep by raising an exception from `report`. A cancelled or killed sweep that was given `out` resumes:
    batches whose results are complete there are not computed again.

    Parameters
    ----------
    examples : what the work gets; with `out`, what JSON can hold, file names for instance
    work : from a batch (a list of examples, or what `read` made of it) to a table. It has one row for each
        example; any number of rows where the batches are in the order of the examples.
    batch_size : the number of examples of a batch, the last one excepted
    batches : instead of `batch_size`, the positions of each batch's examples; each example is in one batch
    read : from the batches to compute to the input of the work for each, in the same order: for instance a
        DataLoader that decodes the next pictures in other processes meanwhile
    report : receives an event before the first batch and after each; `fraction` rises to 1
    stage : of the events
    message : of the events; {done} and {total} become numbers of examples
    executor : where the batches are computed
    out : where to keep the results; without it they stay in memory

    Raises
    ------
    ValueError : neither or both of `batch_size` and `batches` are given, or they leave out or repeat an example
    """
    places = _places(len(examples), batch_size, batches)
    parts = [[examples[place] for place in batch.tolist()] for batch in places]
    paths = [None if out is None else out.path(number, part) for number, part in enumerate(parts)]
    results: list[Any] = list(paths)
    complete = [path is not None and is_complete(path) for path in paths]
    unfinished = [number for number, whole in enumerate(complete) if not whole]
    progress = _Progress(report, stage, message, len(examples), len(places))
    progress.add(*(len(part) for part, whole in zip(parts, complete, strict=True) if whole))
    if unfinished:
        inputs = (read or iter)([parts[number] for number in unfinished])
        tasks = ((one, paths[number]) for number, one in zip(unfinished, inputs, strict=True))
        computed = executor.map(_Task(work), tasks)
        try:
            for number, result in zip(unfinished, computed, strict=True):
                results[number] = result
                progress.add(len(parts[number]))
        finally:
            if hasattr(computed, "close"):
                computed.close()
    if out is not None and places:
        out.remove_others({path for path in paths if path is not None})
    return Results(tuple(results), tuple(places))


@dataclass(frozen=True)
class _Task(Generic[B]):
    """Computes a batch and writes its shard where the batch is computed, which may be another machine."""

    work: Callable[[B], pa.Table]

    def __call__(self, task: tuple[B, Path | None]) -> pa.Table | Path:
        batch, path = task
        table = self.work(batch)
        if path is None:
            return table
        write_shard(table, path)
        return path


class _Progress:
    """Counts examples and batches, and reports them."""

    def __init__(self, report: Report, stage: str, message: str, total: int, batches: int) -> None:
        self._report, self._stage, self._message = report, stage, message
        self._total, self._batches = total, batches
        self._done = self._batches_done = 0

    def add(self, *sizes: int) -> None:
        """Report that batches of these sizes are done."""
        self._done += sum(sizes)
        self._batches_done += len(sizes)
        fraction = self._done / self._total if self._total else 1.0
        text = self._message.format(done=self._done, total=self._total)
        batch, batches = self._batches_done, self._batches
        self._report(ProgressEvent(self._stage, text, fraction, batch=batch, batches=batches))


def _places(count: int, batch_size: int | None, batches: Sequence[np.ndarray] | None) -> list[np.ndarray]:
    """Return the positions of each batch's examples; raise ValueError where they do not cover the set once."""
    if (batch_size is None) == (batches is None):
        raise ValueError("give either batch_size or batches")
    if batches is None:
        assert batch_size is not None
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; give at least 1")
        return [np.arange(start, min(start + batch_size, count)) for start in range(0, count, batch_size)]
    places = [np.asarray(batch, dtype=np.int64) for batch in batches if len(batch)]
    if not np.array_equal(np.sort(np.concatenate([np.empty(0, np.int64), *places])), np.arange(count)):
        raise ValueError(f"the batches must hold each of the {count} examples exactly once")
    return places
