"""Files of results: their names, and that a reader never sees half of one."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from analysis.sweep.shards import Shards, is_complete, read_shard, write_shard


def test_the_name_depends_on_the_key_the_examples_and_the_place_in_the_set(tmp_path: Path):
    shards = Shards(tmp_path, "weights")
    path = shards.path(3, ["a", "b"])
    assert path == Shards(tmp_path, "weights").path(3, ["a", "b"])
    others = {
        Shards(tmp_path, "other").path(3, ["a", "b"]),
        shards.path(3, ["b", "a"]),
        shards.path(3, ["a", "b", "c"]),
        shards.path(3, ["ab"]),
        shards.path(4, ["a", "b"]),
    }
    assert len({path, *others}) == 6
    with pytest.raises(TypeError):
        shards.path(0, [object()])  # its address in memory would be another the next time


def test_the_files_sort_in_the_order_of_the_set(tmp_path: Path):
    paths = [Shards(tmp_path, "key").path(number, [number]) for number in (0, 9, 10, 100)]
    assert paths == sorted(paths)


def test_a_shard_is_read_as_it_was_written(tmp_path: Path):
    table = pa.table({"x": [1.5, None], "nothing": pa.nulls(2)})
    path = tmp_path / "color=red" / "shard.parquet"  # a folder's name is no column
    assert not is_complete(path)
    write_shard(table, path)
    assert is_complete(path)
    assert read_shard(path).equals(table)
    assert list(path.parent.iterdir()) == [path]
    path.write_bytes(path.read_bytes()[:-1])
    assert not is_complete(path)


def test_an_interrupted_write_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "shard.parquet"
    write_shard(pa.table({"x": [1]}), path)

    def refuse(source: Path, target: Path) -> None:
        assert is_complete(source)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(KeyboardInterrupt):
        write_shard(pa.table({"x": [2]}), path)
    assert read_shard(path)["x"].to_pylist() == [1]
    assert list(tmp_path.iterdir()) == [path]


def test_only_shards_that_are_not_current_are_removed(tmp_path: Path):
    shards = Shards(tmp_path, "key")
    current, other = shards.path(0, ["a"]), shards.path(0, ["b"])
    names = [current.name, other.name, f".{other.name}.123", "notes.parquet", "000000-short.parquet", ".hidden"]
    for name in names:
        (tmp_path / name).write_text("")
    shards.remove_others({current})
    assert {path.name for path in tmp_path.iterdir()} == {
        current.name, "notes.parquet", "000000-short.parquet", ".hidden",
    }  # fmt: skip
