"""The file `examples.parquet`: one row for each example of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.data.labelled import LabelledExamples

PARTS = ("train", "valid", "skipped")
_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("label", pa.int32()),
        ("split", pa.string()),
        ("size", pa.int64()),
        ("modified_ns", pa.int64()),
        ("reason", pa.string()),
    ]
)


@dataclass(frozen=True)
class Examples:
    """A run's examples and those that were left out.

    Attributes
    ----------
    table : columns name, label (index into the vocabulary; null where left out), split ("train", "valid" or
        "skipped"), size (bytes; null where not known), modified_ns (of the file; null where there is none),
        reason (why it was left out; null where it was not)
    """

    table: pa.Table

    @classmethod
    def of(cls, data: LabelledExamples) -> Examples:
        """Return the examples of labelled data, with the size and time of their files now."""
        codes = {label: index for index, label in enumerate(data.vocabulary())}
        labels = [codes[label] for label in data.labels]
        return cls._build(data.files, labels, data.valid, data.skipped, data.file_facts())

    @classmethod
    def read_schema_1(cls, manifest: Path) -> Examples:
        """Read the examples from a manifest of schema 1, which holds no sizes and times of files.

        Raises OSError, ValueError or KeyError for any other file.
        """
        values = json.loads(manifest.read_text(encoding="utf-8"))
        names, in_valid = list(values["labels"]), set(values["split"]["valid"])
        valid = [name in in_valid for name in names]
        facts: list[tuple[int | None, int | None]] = [(None, None)] * len(names)
        return cls._build(names, list(values["labels"].values()), valid, values["skipped"], facts)

    @classmethod
    def _build(
        cls,
        names: Sequence[str],
        labels: Sequence[int],
        valid: Sequence[bool],
        skipped: Sequence[Sequence[str]],
        facts: Sequence[tuple[int | None, int | None]],
    ) -> Examples:
        nothing = [None] * len(skipped)
        columns = {
            "name": [*names, *(name for name, _ in skipped)],
            "label": [*labels, *nothing],
            "split": [*("valid" if is_valid else "train" for is_valid in valid), *(["skipped"] * len(skipped))],
            "size": [*(size for size, _ in facts), *nothing],
            "modified_ns": [*(modified for _, modified in facts), *nothing],
            "reason": [*([None] * len(names)), *(reason for _, reason in skipped)],
        }
        return cls(pa.table(columns, schema=_SCHEMA))

    @classmethod
    def read(cls, path: Path) -> Examples:
        """Read what `write` wrote; raises OSError or ValueError (pyarrow's) for anything else."""
        return cls(pq.read_table(path, schema=_SCHEMA))

    def write(self, path: Path) -> None:
        """Write the examples to a Parquet file."""
        pq.write_table(self.table, path)

    def counts(self) -> dict[str, int]:
        """Return how many there are in each of `PARTS`."""
        return {part: len(self.names(part)) for part in PARTS}

    def names(self, part: str) -> tuple[str, ...]:
        """Return the names in one of `PARTS`, in their order."""
        return self._names[part]

    @cached_property
    def _names(self) -> dict[str, tuple[str, ...]]:
        of_part = {part: self.table.filter(pc.equal(self.table["split"], part)) for part in PARTS}
        return {part: tuple(table["name"].to_pylist()) for part, table in of_part.items()}

    @cached_property
    def labels(self) -> Mapping[str, int]:
        """Return name -> index into the vocabulary, for the examples that were not left out."""
        return self._mapping("label")

    @cached_property
    def sizes(self) -> Mapping[str, int | None]:
        """Return name -> size in bytes, None where it is not known, for the examples that were not left out."""
        return self._mapping("size")

    @cached_property
    def sides(self) -> Mapping[str, bool]:
        """Return name -> whether it is in the validation set, for the examples that were not left out."""
        return {name: part == "valid" for name, part in self._mapping("split").items()}

    def _mapping(self, column: str) -> dict[str, Any]:
        used = self.table.filter(pc.not_equal(self.table["split"], "skipped"))
        return dict(zip(used["name"].to_pylist(), used[column].to_pylist(), strict=True))

    @property
    def skipped(self) -> tuple[tuple[str, str], ...]:
        """Return (name, reason) for each example that was left out."""
        table = self.table.filter(pc.equal(self.table["split"], "skipped"))
        return tuple(zip(table["name"].to_pylist(), table["reason"].to_pylist(), strict=True))
