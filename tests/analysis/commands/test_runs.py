"""The command that lists the runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from analysis.commands.cli import main
from analysis.runs import Run, runs_root


def test_runs_are_listed_with_their_error_rates(tiny_run: Run, capsys: pytest.CaptureFixture[str]):
    (runs_root() / "wrecked").mkdir()
    try:
        assert main(["runs"]) == 0
    finally:
        (runs_root() / "wrecked").rmdir()
    out = capsys.readouterr().out
    assert f"{tiny_run.name}  images  {tiny_run.manifest.created}  error rate 0." in out
    assert "wrecked  cannot be used: " in out


def test_one_damaged_run_does_not_hide_the_others(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name in ("a", "b", "c"):
        shutil.copytree(tiny_run.path, tmp_path / "runs" / name)
    (tmp_path / "runs" / "b" / "predictions.parquet").write_bytes(b"PAR1")
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    assert main(["runs"]) == 0
    first, *said = capsys.readouterr().out.splitlines()
    assert first.startswith("3 runs in ")
    a, b, c = sorted(said)
    assert b.startswith("b  cannot be used: ")
    assert all("error rate 0." in line for line in (a, c))


def test_a_run_that_a_killed_fit_moved_aside_is_listed_and_said_to_be_back(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    shutil.copytree(tiny_run.path, tmp_path / "runs" / ".old-mine")
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    assert main(["runs"]) == 0
    said = capsys.readouterr().out
    assert "The run mine is back" in said
    assert "mine  images  " in said
