"""What a sweep computed: a table for each batch, in memory or in a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from analysis.sweep.shards import read_shard


@dataclass(frozen=True)
class Results:
    """The results of a sweep.

    Attributes
    ----------
    parts : for each batch its table, or the file that holds it
    batches : for each batch the positions of its examples in the set
    """

    parts: tuple[pa.Table | Path, ...]
    batches: tuple[np.ndarray, ...]

    def tables(self) -> Iterator[pa.Table]:
        """Return the table of each batch, in the order of the batches; a file is read when it is its turn."""
        return (read_shard(part) if isinstance(part, Path) else part for part in self.parts)

    def table(self) -> pa.Table:
        """Return all rows as one table, in the order of the examples.

        A table without columns where there were no examples.

        Raises
        ------
        ValueError : the batches are not in the examples' order, and there is not one row for each example
        """
        tables = list(self.tables())
        if not tables:
            return pa.table({})
        whole = pa.concat_tables(tables, promote_options="default")
        order = np.concatenate(self.batches)
        if np.array_equal(order, np.arange(len(order))):
            return whole
        if [len(table) for table in tables] != [len(batch) for batch in self.batches]:
            raise ValueError("batches in another order than the examples need one row of results for each example")
        return whole.take(np.argsort(order))
