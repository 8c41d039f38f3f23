"""Accuracy with and without the shortcut, counted by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.data.labelled import DataError
from analysis.predictions.shortcut import shortcut_table


class InMemory:
    """What `shortcut_table` asks of predictions."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table

    def columns(self, *names: str) -> pd.DataFrame:
        return self.table[list(names)]


def test_counts_by_class_and_shortcut(tmp_path):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "truth.csv").write_text(
        "file,split,species,breed,shortcut,ambiguous\n"
        "A_1.jpg,valid,cat,A,1,0\nA_2.jpg,valid,cat,A,1,0\nA_3.jpg,valid,cat,A,0,0\nb_1.jpg,valid,dog,b,1,0\n"
        "b_2.jpg,train,dog,b,1,0\n"
    )
    predictions = pd.DataFrame(
        {
            "path": ["b_1.jpg", "A_1.jpg", "A_2.jpg", "A_3.jpg"],
            "label": ["dog", "cat", "cat", "cat"],
            "predicted": ["dog", "dog", "cat", "cat"],
        }
    )
    table = shortcut_table(InMemory(predictions), tmp_path / "images").set_index(["class", "shortcut"])
    assert table.loc[("cat", "with")].tolist() == [2, 1, 0.5]
    assert table.loc[("cat", "without")].tolist() == [1, 0, 1.0]
    assert table.loc[("dog", "with")].tolist() == [1, 0, 1.0]
    assert len(table) == 3


def test_a_missing_truth_is_said(tmp_path):
    with pytest.raises(
        DataError,
        match=r"truth\.csv, the list of the pictures with the shortcut, cannot be read .*Fit the demo again",
    ):
        shortcut_table(InMemory(pd.DataFrame()), tmp_path / "images")
