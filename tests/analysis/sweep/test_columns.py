"""Arrays become columns and come back without loss, through a Parquet file too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.sweep.columns import array_of, table_of
from analysis.sweep.shards import read_shard, write_shard


@pytest.mark.parametrize("shape", [(4,), (4, 1), (1, 3), (4, 3), (1, 1), (4, 2, 5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_an_array_comes_back_as_it_was(shape: tuple[int, ...], dtype: type, tmp_path: Path):
    array = (np.random.default_rng(0).normal(size=shape) * 1e6).astype(dtype)
    table = table_of({"x": array, "turned": array.T.copy().T})
    write_shard(table, tmp_path / "x.parquet")
    for one in (table, read_shard(tmp_path / "x.parquet")):
        for name in ("x", "turned"):
            back = array_of(one, name)
            assert (back.dtype, back.shape) == (array.dtype, shape)
            np.testing.assert_array_equal(back, array)


def test_parts_are_joined_and_the_copy_can_be_written_to():
    one = np.array([[np.nan, np.inf], [-0.0, 1e-300]])
    table = pa.concat_tables([table_of({"x": one}), table_of({"x": one + 1})])
    back = array_of(table, "x")
    np.testing.assert_array_equal(back, np.concatenate([one, one + 1]))
    back[:] = 0
    np.testing.assert_array_equal(array_of(table, "x"), np.concatenate([one, one + 1]))
    flags = table_of({"flag": np.array([True, False, True])})
    assert array_of(flags, "flag").tolist() == [True, False, True]
