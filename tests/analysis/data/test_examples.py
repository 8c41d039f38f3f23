"""The examples of a run are the same after they were written and read."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from analysis.data.examples import Examples
from analysis.data.source import LabelledImages
from analysis.data.texts import LabelledTexts

SKIPPED = (("c.png", "It is damaged."),)


@pytest.fixture
def images(tmp_path: Path) -> Examples:
    (tmp_path / "a.png").write_bytes(b"12345")
    return Examples.of(
        LabelledImages("folder", "folder", tmp_path, ("a.png", "b.png"), ("y", "x"), (True, False), SKIPPED)
    )


def test_images_have_labels_sides_sizes_and_reasons(images: Examples, tmp_path: Path):
    images.write(tmp_path / "examples.parquet")
    for examples in (images, Examples.read(tmp_path / "examples.parquet")):
        assert examples.counts() == {"train": 1, "valid": 1, "skipped": 1}
        assert examples.names("valid") == ("a.png",)
        assert examples.names("train") == ("b.png",)
        assert examples.labels == {"a.png": 1, "b.png": 0}
        assert examples.sides == {"a.png": True, "b.png": False}
        assert examples.sizes == {"a.png": 5, "b.png": None}  # b.png is not there
        assert examples.skipped == SKIPPED
        (modified, *rest) = examples.table["modified_ns"].to_pylist()
        assert modified == (tmp_path / "a.png").stat().st_mtime_ns
        assert rest == [None, None]


def test_a_text_s_size_is_that_of_its_utf_8():
    data = LabelledTexts("table", "table", Path("/t.csv"), ("r/0",), ("x",), (True,), (), ("très",))
    assert Examples.of(data).sizes == {"r/0": 5}


def test_the_manifest_of_schema_1_is_read(tmp_path: Path):
    old = {
        "split": {"train": ["b", "c"], "valid": ["a"]},
        "labels": {"a": 1, "b": 0, "c": 1},
        "skipped": [["d", "why"]],
    }
    (tmp_path / "manifest.json").write_text(json.dumps(old))
    examples = Examples.read_schema_1(tmp_path / "manifest.json")
    assert examples.counts() == {"train": 2, "valid": 1, "skipped": 1}
    assert examples.labels == old["labels"]
    assert examples.sides == {"a": True, "b": False, "c": False}
    assert examples.sizes == {"a": None, "b": None, "c": None}
    assert examples.skipped == (("d", "why"),)


def test_another_file_is_refused(tmp_path: Path):
    (tmp_path / "examples.parquet").write_bytes(b"PAR1")
    with pytest.raises(pa.ArrowException):
        Examples.read(tmp_path / "examples.parquet")
