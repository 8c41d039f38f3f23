"""A fine-tune in its own process: its progress, its failure in words, and one at a time."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dashboard.backend.jobs.fit
from dashboard.backend.jobs.fit import REPOSITORY, FitJob


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


def test_a_stopped_fine_tune_ends_at_once_and_says_so(instead):
    job = instead("import time; print('{}', flush=True); time.sleep(600)")
    job.stop()
    assert job.wait(timeout=30)
    assert (job.stopped, job.error) == (True, "Stopped on request.")


def test_the_job_that_trains_a_run_again_names_its_recipe_and_its_folder(tiny_run):
    words = list(FitJob.again(tiny_run).arguments)
    assert words[: len(tiny_run.manifest.recipe.options())] == tiny_run.manifest.recipe.options()
    assert words[-3:] == ["--run", str(tiny_run.path), "--force"]


ENDLESS = """
import sys
import dashboard.backend.jobs.fit as fit

class Process(fit.subprocess.Popen):
    def __init__(self, _command, **options):
        super().__init__([sys.executable, "-c", "print('started', flush=True); input()"], **options)
        assert self.stdout.readline() == "started\\n"

fit.subprocess.Popen = Process
fit.FitJob(()).start()
"""


def test_a_process_does_not_wait_for_its_fine_tune():
    ended = subprocess.run(
        [sys.executable, "-c", ENDLESS], capture_output=True, text=True, timeout=60, cwd=REPOSITORY
    )
    assert (ended.returncode, ended.stderr) == (0, "")
