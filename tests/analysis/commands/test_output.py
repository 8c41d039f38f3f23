"""What commands print while they work and at the end."""

from __future__ import annotations

import json
import sys
from argparse import Namespace

import pytest

from analysis.commands.output import TextReport, print_json, print_result, reporter
from analysis.progress import ProgressEvent
from analysis.runs import Run

EVENTS = (
    ProgressEvent("train", "Epoch 1 of 2", 0.25, seconds_left=61.4),
    ProgressEvent("train", "Epoch 2 of 2", 0.5),
    ProgressEvent("done", "The run is ready", 1.0),
)


def test_a_terminal_has_one_line_that_is_written_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    report = TextReport()
    for event in EVENTS:
        report(event)
    start = "\r\033[K"
    assert capsys.readouterr().out == (
        f"{start} 25% Epoch 1 of 2, 61 s left{start} 50% Epoch 2 of 2{start}100% The run is ready\n"
    )


def test_a_file_gets_one_line_for_each_stage(capsys: pytest.CaptureFixture[str]):
    report = reporter(Namespace(progress="text"))
    for event in EVENTS:
        report(event)
    assert capsys.readouterr().out.splitlines() == [" 25% Epoch 1 of 2, 61 s left", "100% The run is ready"]


def test_json_is_one_event_a_line(capsys: pytest.CaptureFixture[str]):
    report = reporter(Namespace(progress="json"))
    assert report is print_json
    for event in EVENTS:
        report(event)
    assert [json.loads(line)["fraction"] for line in capsys.readouterr().out.splitlines()] == [0.25, 0.5, 1.0]


def test_the_result_is_a_sentence_in_text_and_nothing_in_json(tiny_run: Run, capsys: pytest.CaptureFixture[str]):
    print_result(tiny_run, Namespace(progress="text"))
    table = tiny_run.predictions(["label", "predicted"])
    rate = (table["label"] != table["predicted"]).mean()
    assert capsys.readouterr().out == f"Error rate {rate:.3f} on 12 validation pictures: {tiny_run.path}\n"
    print_result(tiny_run, Namespace(progress="json"))
    assert capsys.readouterr().out == ""
