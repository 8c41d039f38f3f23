"""How well a learner does, from its manifest or from its predictions."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.predictions import Results, results, results_of
from analysis.runs import PREDICTIONS, Run, RunError, open_run
from tests.old_run import to_schema_1


def test_the_rates():
    assert Results(8, 2).error_rate == 0.25
    assert Results(8, 2).accuracy == 0.75


def test_the_manifest_is_enough_and_schema_1_is_read(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    table = tiny_run.predictions()
    expected = Results(12, int((table["label"] != table["predicted"]).sum()))
    old = open_run(to_schema_1(shutil.copytree(tiny_run.path, tmp_path / "run")))
    assert results_of(old) == expected
    monkeypatch.setattr(results, "open_predictions", lambda run: pytest.fail("it read the predictions"))
    assert results_of(tiny_run) == expected


def test_predictions_that_are_not_there_are_named(tiny_run: Run, tmp_path: Path):
    run = open_run(shutil.copytree(tiny_run.path, tmp_path / "run"))
    other = replace(run, manifest=replace(run.manifest, results={"examples": 13, "mistakes": 1, "missing": 0}))
    with pytest.raises(RunError, match=r"holds 12 predictions, not the 13 .* evaluate --run"):
        results_of(other)
    (run.path / PREDICTIONS).write_bytes(b"PAR1")
    with pytest.raises(RunError, match=r"cannot be read .* evaluate --run"):
        results_of(run)
