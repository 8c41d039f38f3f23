"""A fine-tune in its own process: its progress, its failure in words, and one at a time."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dashboard.backend.jobs.fit
from dashboard.backend.jobs.fit import FitJob, JobBoard


def test_progress_and_the_end(tiny_folder, tmp_path):
    arguments = ["--source", "folder", "--path", str(tiny_folder), "--arch", "resnet18", "--no-pretrained"]
    job = FitJob((*arguments, "--size", "64", "--run", str(tmp_path / "run"))).start()
    assert job.wait(timeout=240)
    assert job.error is None
    assert job.event is not None
    assert job.event.fraction == 1.0
    assert (tmp_path / "run" / "manifest.json").is_file()


def test_a_failure_is_told_in_one_sentence(tmp_path):
    job = FitJob(("--source", "folder", "--path", str(tmp_path / "nowhere"))).start()
    assert job.wait(timeout=120)
    assert job.error is not None
    assert "nowhere" in job.error
    assert "Traceback" not in job.error


@pytest.fixture
def instead(monkeypatch):
    """Run some other Python code in place of `python -m analysis fit`."""

    def replace(code: str) -> FitJob:
        class Process(subprocess.Popen):
            def __init__(self, _command, **options):
                super().__init__([sys.executable, "-c", code], **options)

        monkeypatch.setattr(dashboard.backend.jobs.fit.subprocess, "Popen", Process)
        return FitJob(()).start()

    return replace


def test_a_crash_is_told_in_one_sentence_and_logged_in_full(instead, caplog):
    job = instead("{}['weights']")
    assert job.wait(timeout=30)
    assert "KeyError: 'weights'" in job.error
    assert "Traceback" not in job.error
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("line", ["b'\\xff\\n'", "b'[' * 200_000 + b'\\n'"], ids=["no text", "too deep to parse"])
def test_output_that_cannot_be_read_does_not_leave_the_page_waiting(instead, line):
    job = instead(f"import sys; sys.stdout.buffer.write({line}); sys.exit(1)")
    assert job.wait(timeout=30)
    assert job.error


def test_one_at_a_time_and_forgotten_when_ended(tmp_path):
    board = JobBoard()
    first = board.start(["--source", "folder", "--path", str(tmp_path / "nowhere")])
    assert board.start(["--source", "demo"]) is first
    board.clear()
    assert board.current is first  # still running, so not forgotten
    assert first.wait(timeout=120)
    board.clear()
    assert board.current is None
