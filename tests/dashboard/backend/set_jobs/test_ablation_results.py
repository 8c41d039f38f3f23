"""The saved ablation of a validation set: what the page shows of it, and the CSV of all its rows."""

from __future__ import annotations

import io
import os

import pandas as pd
import pytest

from analysis.sweeps.ablation import save_table, table_path
from dashboard.backend.set_jobs.ablation_results import pictures_csv, set_results

LAYER = "0.7"


def table(correlations: list[float]) -> pd.DataFrame:
    """Return one row for each picture, all with the same change."""
    return pd.DataFrame(
        {
            "path": [f"{number}.png" for number in range(len(correlations))],
            "step": "relu",
            "change": "no ReLU",
            "outcome": "silent",
            "correlation": correlations,
            "moved": [value < 0.5 for value in correlations],
            "distance": 0.0,
            "error": None,
        }
    )


@pytest.fixture(autouse=True)
def empty_home(tmp_path, monkeypatch):
    """A home without saved tables."""
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))


def test_there_is_nothing_before_the_ablation(tiny_run):
    assert set_results(tiny_run, LAYER) is None
    assert pictures_csv(tiny_run, LAYER) == ""


def test_a_file_that_cannot_be_read_counts_as_none(tiny_run):
    path = table_path(tiny_run, LAYER)
    path.parent.mkdir()
    path.write_bytes(b"no table")
    assert set_results(tiny_run, LAYER) is None
    assert pictures_csv(tiny_run, LAYER) == ""


def test_the_page_gets_a_row_for_each_change_and_counts_of_correlations(tiny_run):
    save_table(table([0.99, 0.99, 0.01, 0.8]), tiny_run, LAYER)
    results = set_results(tiny_run, LAYER)
    (row,) = results.summary.to_dict("records")
    assert (row["change"], row["pictures"], row["silent"], row["moved"]) == ("no ReLU", 4, 1.0, 0.25)
    assert sorted(results.counts["pictures"]) == [1, 1, 2]
    assert set_results(tiny_run, "0.6") is None


def test_it_is_read_once_until_it_is_saved_again(tiny_run):
    path = save_table(table([0.9]), tiny_run, LAYER)
    first = set_results(tiny_run, LAYER)
    assert set_results(tiny_run, LAYER) is first
    before = path.stat().st_mtime_ns
    save_table(table([0.9, 0.8]), tiny_run, LAYER)
    os.utime(path, ns=(before + 1, before + 1))  # a later time, however coarse the clock of the disk is
    assert set_results(tiny_run, LAYER).summary["pictures"].tolist() == [2]


def test_the_csv_has_every_row(tiny_run):
    rows = table([0.25, 0.75])
    save_table(rows, tiny_run, LAYER)
    read = pd.read_csv(io.StringIO(pictures_csv(tiny_run, LAYER)))
    assert read.columns.tolist() == rows.columns.tolist()
    assert read["path"].tolist() == ["0.png", "1.png"]
    assert read["correlation"].tolist() == [0.25, 0.75]
