"""A job in the background ends with its result, on request, or with an error that the page can show."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from dataclasses import dataclass

import pytest

from analysis.progress import ProgressEvent
from analysis.runs import RunError
from dashboard.backend.jobs.job import Job


@dataclass
class FailingJob(Job):
    """Raise `problem`."""

    problem: Exception

    def work(self, report):
        raise self.problem


@dataclass
class WaitingJob(Job):
    """Report twice, the second time once `go` is set."""

    go: threading.Event
    steps: int = 0

    def work(self, report):
        report(ProgressEvent("words", "first", 0.1))
        self.steps = 1
        assert self.go.wait(10)
        report(ProgressEvent("words", "second", 0.2))
        self.steps = 2


@pytest.mark.parametrize("problem", [KeyError("prob"), ZeroDivisionError("division by zero"), RuntimeError()])
def test_any_error_is_logged_with_its_traceback_and_kept_for_the_page(caplog, problem):
    with caplog.at_level(logging.ERROR):
        job = FailingJob(problem).start()
        assert job.wait(10)
    assert type(problem).__name__ in job.error
    assert str(problem) in job.error
    assert "unexpected error" in job.error
    assert [record.exc_info[1] for record in caplog.records] == [problem]
    assert "in work" in caplog.text  # the traceback names the function that raised


def test_an_error_with_a_message_for_the_user_is_shown_as_it_is(caplog):
    job = FailingJob(RunError("The file is missing. Fit it again.")).start()
    assert job.wait(10)
    assert job.error == "The file is missing. Fit it again."
    assert not caplog.records


def test_a_stopped_job_ends_at_its_next_report_without_an_error():
    go = threading.Event()
    job = WaitingJob(go).start()
    job.stop()
    go.set()
    assert job.wait(10)
    assert job.error is None
    assert job.steps < 2


ENDLESS = """
import atexit, itertools, threading
from analysis.progress import ProgressEvent
from dashboard.backend.jobs.job import Job

began = threading.Event()

class EndlessJob(Job):
    def work(self, report):
        import torch

        x = torch.ones(300, 300)
        for number in itertools.count():
            x = (x @ x).clamp(0, 1)
            began.set()
            report(ProgressEvent("evaluate", str(number), 0.0))

job = EndlessJob().start()
assert began.wait(100)
atexit.register(lambda: print("ended:", not job.running))
"""


def test_a_process_that_ends_waits_for_the_job_s_next_report_and_no_longer():
    ended = subprocess.run([sys.executable, "-c", ENDLESS], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ended: True\n", "")
