"""The Parquet file of the predictions, read back with pyarrow and pandas."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.predictions.file import stored_key, write_predictions


def predictions(rows: int, classes: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    probabilities = random.random((rows, classes)).astype(np.float32)
    return pd.DataFrame(
        {
            "path": [f"{row:05}.jpg" for row in range(rows)],
            "loss": random.random(rows),
            "probabilities": list(probabilities),
            "text": ["très bien"] * rows,
        }
    )


def groups(path: Path) -> list[int]:
    metadata = pq.read_metadata(path)
    return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


def test_the_table_is_read_back_as_it_was(tmp_path: Path):
    table = predictions(7, 3)
    write_predictions(table, tmp_path / "p.parquet", "key")
    back = pd.read_parquet(tmp_path / "p.parquet")
    pd.testing.assert_frame_equal(back.drop(columns="probabilities"), table.drop(columns="probabilities"))
    assert list(back.columns) == list(table.columns)
    np.testing.assert_array_equal(np.stack(back["probabilities"]), np.stack(table["probabilities"]))


def test_the_file_has_a_key_and_lists_of_fixed_size(tmp_path: Path):
    write_predictions(predictions(5, 2), tmp_path / "p.parquet", "weights 1, data 2")
    assert stored_key(tmp_path / "p.parquet") == "weights 1, data 2"
    assert pq.read_schema(tmp_path / "p.parquet").field("probabilities").type == pa.list_(pa.float32(), 2)


def test_a_file_that_cannot_be_read_or_is_not_ours_has_no_key(tmp_path: Path):
    assert stored_key(tmp_path / "nowhere.parquet") is None
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    assert stored_key(tmp_path / "broken.parquet") is None
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    assert stored_key(tmp_path / "other.parquet") == ""


def test_the_row_groups_of_many_classes_are_small_and_those_of_few_are_not_tiny(tmp_path: Path):
    write_predictions(predictions(5_000, 1_000), tmp_path / "many.parquet", "key")
    assert groups(tmp_path / "many.parquet") == [2_097, 2_097, 806]  # 8 MiB of 1,000 float32 each
    write_predictions(predictions(30_000, 2), tmp_path / "few.parquet", "key")
    assert groups(tmp_path / "few.parquet") == [25_000, 5_000]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "p.parquet"
    write_predictions(predictions(5, 2), path, "old")

    def fail(*args: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        write_predictions(predictions(6, 2), path, "new")
    assert stored_key(path) == "old"
    assert list(tmp_path.iterdir()) == [path]
