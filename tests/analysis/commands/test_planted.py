"""The command that measures what the demo's shortcut does."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from analysis.commands.cli import main
from analysis.runs import Run


def test_it_prints_the_error_rates_and_the_effects_of_the_run(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    loaded = SimpleNamespace(run=tiny_run)
    effects = pd.DataFrame({"effect": [1.23456]})
    asked: list[object] = []
    monkeypatch.setattr("analysis.learner.images.store.load", lambda run: loaded)
    monkeypatch.setattr(
        "analysis.predictions.shortcut.shortcut_table",
        lambda predictions, root: asked.append(root) or pd.DataFrame({"error_rate": [0.12345]}),
    )
    monkeypatch.setattr("analysis.sweeps.planted.shortcut_effects", lambda one: asked.append(one) or effects)
    monkeypatch.setattr("analysis.sweeps.planted.shortcut_summary", lambda one: asked.append(one) or one)
    assert main(["planted", "--run", str(tiny_run.path)]) == 0
    assert capsys.readouterr().out.split() == ["error_rate", "0.123", "effect", "1.23"]
    assert asked[:2] == [tiny_run.manifest.data_root, loaded]
    assert asked[2] is effects


def test_a_run_that_is_not_the_demos_is_refused(tiny_run: Run, capsys: pytest.CaptureFixture[str]):
    assert main(["planted", "--run", str(tiny_run.path)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
