"""The file `predictions.parquet`: how it is written, and what it was computed from."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

_KEY = b"camlens.key"  # in the Parquet file's metadata: what the table was computed from
_GROUP_BYTES = 8 << 20  # of probabilities in a row group: the least that is read for one row
_GROUP_ROWS = (1_000, 25_000)


def write_predictions(table: pd.DataFrame, path: Path, key: str) -> None:
    """Write a predictions table in one step: a reader sees the old file or the new one.

    The probabilities become a column of fixed-size lists. The row groups are small, so that the probabilities of
    one row can be read without all the others.

    Parameters
    ----------
    table : as `analysis.sweeps.evaluation.predict` returns it
    path : the file to write
    key : text that says what the table was computed from, for `stored_key`
    """
    probabilities = np.stack(table["probabilities"].to_list()).astype(np.float32)
    classes = probabilities.shape[1]
    lists = pa.FixedSizeListArray.from_arrays(pa.array(probabilities.ravel()), classes)
    arrow = pa.Table.from_pandas(table.drop(columns="probabilities"), preserve_index=False)
    arrow = arrow.add_column(list(table.columns).index("probabilities"), "probabilities", lists)
    arrow = arrow.replace_schema_metadata({_KEY: key.encode()})
    least, most = _GROUP_ROWS
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        rows = max(least, min(most, _GROUP_BYTES // (4 * classes)))
        pq.write_table(arrow, temporary, row_group_size=rows)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def stored_key(path: Path) -> str | None:
    """Return the key that a table was written with; None where it cannot be read."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException):
        return None
    return metadata.get(_KEY, b"").decode()
