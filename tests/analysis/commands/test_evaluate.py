"""The command that predicts a validation set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from analysis.commands.cli import main
from analysis.runs import Run


def test_evaluate_works_by_name_and_by_path(tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = shutil.copytree(tiny_run.path, tmp_path / "copied")
    assert main(["evaluate", "--run", tiny_run.name]) == 0
    assert "on 12 validation pictures" in capsys.readouterr().out
    assert main(["evaluate", "--run", str(path), "--force", "--progress", "json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["stage"] == "evaluate"
