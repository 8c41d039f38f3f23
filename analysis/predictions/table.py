"""The predictions of one run: the interface through which every page reads them.

A page asks for a few rows or for counts and never for the whole table, so that a database can do the same work
where a table is too large for the memory.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.predictions.browse import SORTS, Browse, word_pattern
from analysis.predictions.summary import confusion_matrix
from analysis.runs import PREDICTIONS, Run, RunError, check_digest

_NUMBERS = ("confidence", "probability_of_label", "loss", "margin", "entropy")
_KEPT_LISTS = 16


@dataclass(frozen=True)
class Place:
    """The place of an example in a list.

    Attributes
    ----------
    position : counted from 0; None where the example is not in the list
    before, after : the names of its neighbours, None at the ends; for an example that is not in the list, `after`
        is the first of the list
    """

    position: int | None
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Histogram:
    """Counts of a number in equal bins, for wrong and for right predictions.

    Attributes
    ----------
    edges : (B + 1,) float64
    wrong, right : (B,) int64
    """

    edges: np.ndarray
    wrong: np.ndarray
    right: np.ndarray


class Predictions:
    """A predictions table of which only the narrow columns are in memory. Any thread may use it.

    Probabilities are read only for the rows that a page asks for, and texts when a page first needs them. The
    object can read its file even after another file has replaced it.
    """

    def __init__(self, path: Path, class_names: Sequence[str]) -> None:
        """Open a file that `write_predictions` wrote; raises OSError or ValueError (pyarrow's) for another."""
        self.class_names = tuple(class_names)
        self._bytes = pa.memory_map(str(path)).read_buffer()
        self._columns = [name for name in self._file().schema_arrow.names if name != "probabilities"]
        table = self._read(["path", "label", "predicted", *_NUMBERS])
        self._paths = table["path"].cast(pa.large_string()).combine_chunks()
        self._labels, self._predicted = (self._codes(table[name]) for name in ("label", "predicted"))
        self._numbers = {name: table[name].to_numpy() for name in _NUMBERS}
        self._lists: OrderedDict[Browse, np.ndarray] = OrderedDict()
        self._lists_lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self._paths)

    def __contains__(self, name: object) -> bool:
        """Say whether there is a row of this name."""
        return self._row_number(name) is not None

    @cached_property
    def mistakes(self) -> int:
        """Return how many predictions are wrong."""
        return int(np.count_nonzero(self._wrong))

    @property
    def accuracy(self) -> float:
        """Return the share of right predictions; NaN where there is none at all."""
        return 1 - self.mistakes / len(self) if len(self) else float("nan")

    # --- lists ------------------------------------------------------------------------------------

    def count(self, view: Browse) -> int:
        """Return how many rows a view has."""
        return len(self._list(view))

    def page(self, view: Browse, start: int, stop: int) -> list[dict[str, Any]]:
        """Return some rows of a view in its order: path, label, predicted, the numbers, and text if there is one.

        Equal rows are sorted by name, so that the same view is the same list on every machine. Raises ValueError
        for an unknown order.
        """
        return [self._row(int(number)) for number in self._list(view)[start:stop]]

    def neighbours(self, view: Browse, name: str) -> Place:
        """Return the place of an example in a view."""
        order, number = self._list(view), self._row_number(name)
        places = np.flatnonzero(order == number) if number is not None else order[:0]
        if not len(places):
            return Place(None, None, self._name(order[0]) if len(order) else None)
        at = int(places[0])
        before = self._name(order[at - 1]) if at else None
        return Place(at, before, self._name(order[at + 1]) if at + 1 < len(order) else None)

    def csv(self, view: Browse) -> str:
        """Return all rows of a view in its order as CSV, without the probabilities."""
        return self._read(self._columns).take(pa.array(self._list(view))).to_pandas().to_csv(index=False)

    # --- one row ----------------------------------------------------------------------------------

    def row(self, name: str) -> dict[str, Any] | None:
        """Return one row, as in `page`; None where there is none of this name."""
        number = self._row_number(name)
        return None if number is None else self._row(number)

    def probabilities(self, name: str) -> np.ndarray:
        """Return an example's class probabilities, (C,) float32; raises KeyError for an unknown name."""
        number = self._row_number(name)
        if number is None:
            raise KeyError(name)
        file = self._file()
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if number < rows:
                column = file.read_row_group(group, columns=["probabilities"])["probabilities"]
                return np.array(column[number].values, dtype=np.float32)
            number -= rows
        raise KeyError(name)

    # --- the whole set in numbers -----------------------------------------------------------------

    def confusion(self) -> np.ndarray:
        """Return counts (C, C) int64: rows are true classes, columns predicted ones. Don't write into it."""
        return self._confusion

    def histogram(self, number: str = "loss", bins: int = 30) -> Histogram:
        """Return the counts of a number from 0 to its maximum; values that are not finite are left out."""
        values = self._numbers[number]
        finite = np.isfinite(values)
        top = float(values[finite].max()) if finite.any() else 0.0
        edges = np.linspace(0.0, top if top > 0 else 1.0, bins + 1)
        wrong, right = (
            np.histogram(values[finite & chosen], bins=edges)[0] for chosen in (self._wrong, ~self._wrong)
        )
        return Histogram(edges, wrong, right)

    def columns(self, *names: str) -> pd.DataFrame:
        """Return whole columns, for work on the whole set; pages do not use it."""
        return self._read(list(names)).to_pandas()

    # --- inside -----------------------------------------------------------------------------------

    @cached_property
    def _confusion(self) -> np.ndarray:
        return confusion_matrix(self._labels, self._predicted, len(self.class_names))

    @cached_property
    def _wrong(self) -> np.ndarray:
        return self._labels != self._predicted

    @cached_property
    def _texts(self) -> pa.Array | None:
        if "text" not in self._columns:
            return None
        return self._read(["text"])["text"].cast(pa.large_string()).combine_chunks()

    @cached_property
    def _by_name(self) -> np.ndarray:
        return pc.sort_indices(self._paths).to_numpy()

    def _file(self) -> pq.ParquetFile:
        return pq.ParquetFile(pa.BufferReader(self._bytes))  # for this read alone: it is not thread-safe

    def _read(self, columns: list[str]) -> pa.Table:
        return self._file().read(columns=columns)

    def _codes(self, names: pa.ChunkedArray) -> np.ndarray:
        codes = pc.index_in(names, value_set=pa.array(self.class_names, pa.string()))
        if codes.null_count:
            raise ValueError(f"a class is none of {', '.join(self.class_names)}")
        return codes.to_numpy().astype(np.int32)

    def _name(self, number: int) -> str:
        return self._paths[int(number)].as_py()

    def _row_number(self, name: object) -> int | None:
        number = pc.index(self._paths, name).as_py() if isinstance(name, str) else -1
        return None if number < 0 else number

    def _row(self, number: int) -> dict[str, Any]:
        row: dict[str, Any] = {
            "path": self._name(number),
            "label": self.class_names[self._labels[number]],
            "predicted": self.class_names[self._predicted[number]],
        }
        row |= {name: float(values[number]) for name, values in self._numbers.items()}
        if self._texts is not None:
            row["text"] = self._texts[number].as_py()
        return row

    def _list(self, view: Browse) -> np.ndarray:
        """Return the row numbers of a view in its order; the lists of recent views are kept."""
        with self._lists_lock:
            if view in self._lists:
                self._lists.move_to_end(view)
                return self._lists[view]
        rows = self._select(view)
        with self._lists_lock:
            self._lists[view] = rows
            while len(self._lists) > _KEPT_LISTS:
                self._lists.popitem(last=False)
        return rows

    def _select(self, view: Browse) -> np.ndarray:
        """Filter, and sort what is left."""
        rows = np.flatnonzero(self._mask(view))
        in_order = np.zeros(len(self), dtype=bool)
        in_order[rows] = True
        by_name = self._by_name[in_order[self._by_name]]
        if view.sort == "name":
            return by_name
        key = _SORT_KEYS[view.sort](self._numbers)[by_name]
        return by_name[np.argsort(key, kind="stable")]

    def _mask(self, view: Browse) -> np.ndarray:
        if view.sort not in SORTS:
            raise ValueError(f"Unknown order {view.sort!r}; known are {', '.join(SORTS)}.")
        keep = np.ones(len(self), dtype=bool) if view.correct else self._wrong.copy()
        for chosen, codes in ((view.true, self._labels), (view.predicted, self._predicted)):
            if chosen:
                keep &= np.isin(codes, [place for place, name in enumerate(self.class_names) if name in chosen])
        low, high = view.confidence
        if (low, high) != (0.0, 1.0):
            keep &= (self._numbers["confidence"] >= low) & (self._numbers["confidence"] <= high)
        if view.name:
            keep &= _as_mask(pc.match_substring(self._paths, view.name, ignore_case=True))
        if view.word and self._texts is not None:
            pattern = word_pattern(view.word)
            places = np.flatnonzero(keep)
            texts = self._texts.take(pa.array(places)).to_pylist()
            keep[places] = [pattern.search(text) is not None for text in texts]
        return keep


def _as_mask(matches: pa.BooleanArray) -> np.ndarray:
    return matches.to_numpy(zero_copy_only=False)


_SORT_KEYS: dict[str, Callable[[dict[str, np.ndarray]], np.ndarray]] = {
    "loss": lambda numbers: -numbers["loss"],
    "confidence": lambda numbers: -numbers["confidence"],
    "margin": lambda numbers: numbers["margin"],
}


def open_predictions(run: Run) -> Predictions:
    """Open a run's predictions; raises RunError where the file is not the one that the manifest names."""
    again = run.how_to_evaluate()
    check_digest(run, PREDICTIONS, again)
    try:
        return Predictions(run.path / PREDICTIONS, run.manifest.class_names)
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{run.path / PREDICTIONS} cannot be read ({error}). {again}") from error
