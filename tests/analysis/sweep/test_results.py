"""The tables of the batches, one by one and together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.sweep.results import Results
from analysis.sweep.shards import write_shard

ORDERED = (np.array([0, 1]), np.array([2]))
MIXED = (np.array([2, 0]), np.array([1]))


def test_tables_in_memory_and_in_files_are_the_same(tmp_path: Path):
    first, second = pa.table({"x": [10, 11]}), pa.table({"x": [12]})
    write_shard(second, tmp_path / "second.parquet")
    results = Results((first, tmp_path / "second.parquet"), ORDERED)
    assert [table["x"].to_pylist() for table in results.tables()] == [[10, 11], [12]]
    assert results.table()["x"].to_pylist() == [10, 11, 12]


def test_rows_are_put_back_in_the_examples_order():
    results = Results((pa.table({"x": ["c", "a"]}), pa.table({"x": ["b"]})), MIXED)
    assert results.table()["x"].to_pylist() == ["a", "b", "c"]


def test_several_rows_for_each_example_only_in_the_examples_order():
    parts = (pa.table({"x": [1, 2, 3]}), pa.table({"x": [4]}))
    assert Results(parts, ORDERED).table()["x"].to_pylist() == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="one row of results for each example"):
        Results(parts, MIXED).table()


def test_a_column_without_values_in_one_batch_has_the_type_of_the_others():
    parts = (pa.table({"x": pa.nulls(2)}), pa.table({"x": [0.5]}))
    assert Results(parts, ORDERED).table()["x"].to_pylist() == [None, None, 0.5]


def test_no_batches_are_a_table_without_rows():
    assert Results((), ()).table().num_rows == 0
