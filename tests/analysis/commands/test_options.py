"""Options that several commands have."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from analysis.commands.options import add_progress, add_run, chosen_run, run_path
from analysis.runs import Run, RunError, runs_root


def test_a_name_lies_among_the_runs_and_a_path_is_a_path():
    assert run_path("mine") == runs_root() / "mine"
    assert run_path("./mine") == Path("mine")
    assert run_path("/a/b") == Path("/a/b")
    assert run_path("~/mine") == Path.home() / "mine"
    assert run_path(".") == Path()


def test_the_run_must_be_named_and_progress_is_text_unless_json_is_asked_for():
    parser = argparse.ArgumentParser()
    add_run(parser)
    add_progress(parser)
    assert vars(parser.parse_args(["--run", "mine"])) == {"run": "mine", "progress": "text"}
    assert parser.parse_args(["--run", "mine", "--progress", "json"]).progress == "json"
    for words in ([], ["--run", "mine", "--progress", "xml"]):
        with pytest.raises(SystemExit, match="2"):
            parser.parse_args(words)


def test_a_run_is_found_by_its_name_and_by_its_path(tiny_run: Run):
    for given in (tiny_run.name, str(tiny_run.path)):
        assert chosen_run(argparse.Namespace(run=given)) == tiny_run
    with pytest.raises(RunError, match="holds no run"):
        chosen_run(argparse.Namespace(run="nothing-of-this-name"))
