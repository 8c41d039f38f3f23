"""The table of what is in each picture."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from analysis.data.demo.plan import plan
from analysis.data.demo.truth import read_truth, split_of
from tests.tiny import FEW_PICTURES


def test_truth_is_the_plan(folder: Path) -> None:
    for file, row in read_truth(folder).items():
        picture = plan(FEW_PICTURES)[file.removesuffix(".jpg")]
        assert (row.split, row.breed, row.shortcut, row.ambiguous) == (
            picture.split, picture.breed, picture.shortcut, picture.ambiguous,
        )  # fmt: skip
    assert sum(split_of(folder).values()) == 12


def test_other_programs_can_read_the_table(folder: Path) -> None:
    with (folder / "annotations" / "truth.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "split", "species", "breed", "shortcut", "ambiguous"]
    assert {row["shortcut"] for row in rows} == {row["ambiguous"] for row in rows} == {"0", "1"}
    assert sum(row["shortcut"] == "1" for row in rows) == sum(p.shortcut for p in plan(FEW_PICTURES).values())


def test_a_folder_without_the_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_truth(tmp_path)
