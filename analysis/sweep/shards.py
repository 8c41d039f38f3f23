"""Results of a sweep on disk: a Parquet file for each batch, which is there whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_NAME = re.compile(r"\d{6}-[0-9a-f]{24}\.parquet|\.\d{6}-[0-9a-f]{24}\.parquet\.\d+")  # complete, or half written


@dataclass(frozen=True)
class Shards:
    """Where a sweep keeps its results, so that it can be resumed.

    Only one sweep at a time may use a folder.

    Attributes
    ----------
    folder : made where it does not exist; other files in it stay as they are
    key : everything besides the examples that the results depend on, for instance the digest of the weights and
        the name of the layer; results with another key are computed again
    """

    folder: Path
    key: str

    def path(self, number: int, examples: Sequence[Any]) -> Path:
        """Return the file of a batch, whether it exists or not; its name is a digest of all it depends on.

        Parameters
        ----------
        number : the batch's place in the set
        examples : what JSON can hold, file names for instance

        Raises
        ------
        TypeError : the examples are objects that JSON cannot hold
        """
        digest = hashlib.sha256(json.dumps([self.key, list(examples)]).encode()).hexdigest()
        return self.folder / f"{number:06d}-{digest[:24]}.parquet"

    def remove_others(self, current: Collection[Path]) -> None:
        """Remove the shards that are not among the current ones, and what a killed sweep left half written."""
        for path in self.folder.iterdir():
            if path not in current and _NAME.fullmatch(path.name):
                path.unlink(missing_ok=True)


def write_shard(table: pa.Table, path: Path) -> None:
    """Write a table under a temporary name and rename it: a reader sees the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(table, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_shard(path: Path) -> pa.Table:
    """Return the table in a shard."""
    return pq.read_table(path, partitioning=None)


def is_complete(path: Path) -> bool:
    """Return whether a file is there and has the footer that Parquet writes last."""
    try:
        pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return False
    return True
