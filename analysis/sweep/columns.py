"""Arrays as columns of a table: a row for each example, of any shape and without loss."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa


def column(array: np.ndarray) -> pa.Array:
    """Return an array (N, ...) as a column of N rows; `array_of` returns it again."""
    if array.ndim == 1:
        return pa.array(array)
    # not by from_numpy_ndarray: it refuses the strides that NumPy gives to an axis of length 1
    values = pa.array(array.ravel())
    rows = pa.FixedSizeListArray.from_arrays(values, int(np.prod(array.shape[1:])))
    return pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(values.type, array.shape[1:]), rows)


def table_of(arrays: Mapping[str, np.ndarray]) -> pa.Table:
    """Return arrays (N, ...) by name as a table of N rows."""
    return pa.table({name: column(array) for name, array in arrays.items()})


def array_of(table: pa.Table, name: str) -> np.ndarray:
    """Return a column that `column` made, as the array (N, ...) that it was; a copy that may be written to."""
    chunks = table[name].chunks
    if isinstance(table.schema.field(name).type, pa.FixedShapeTensorType):
        return np.concatenate([chunk.to_numpy_ndarray() for chunk in chunks])
    return np.concatenate([chunk.to_numpy(zero_copy_only=False) for chunk in chunks])
