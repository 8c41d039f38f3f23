"""The file `predictions.parquet`: how it is written, and what it says of itself."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

_KEY = b"camlens.key"  # in the Parquet file's own metadata: what the table was computed from
_GROUP_BYTES = 8 << 20  # of probabilities: this much is read for one row's
_GROUP_ROWS = (1_000, 25_000)


def write_predictions(table: pd.DataFrame, path: Path, key: str) -> None:
    """Write a predictions table in one step: a reader sees the old one or the new one.

    The probabilities become a column of fixed-size lists. The row groups are small, so that the
    probabilities of one row are read without those of all others.

    Parameters
    ----------
    table : as `analysis.sweeps.evaluation.predict` returns it
    key : kept in the file, for `stored_key`
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
