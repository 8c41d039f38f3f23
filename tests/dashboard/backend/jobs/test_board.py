"""The board: one job of each kind at a time, and none is forgotten while it runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from dashboard.backend.jobs.board import JobBoard, job_board
from dashboard.backend.jobs.job import Job


@dataclass
class WaitingJob(Job):
    """Ends when the test lets it."""

    go: threading.Event

    def work(self, report):
        assert self.go.wait(10)


@dataclass
class OtherJob(WaitingJob):
    """Another kind of work."""


def test_one_job_of_a_kind_at_a_time():
    board, go = JobBoard(), threading.Event()
    assert board.current(WaitingJob) is None
    first = board.start(WaitingJob(go))
    assert board.start(WaitingJob(go)) is first
    other = board.start(OtherJob(go))
    assert (board.current(WaitingJob), board.current(OtherJob)) == (first, other)
    go.set()
    assert first.wait(10)
    second = board.start(WaitingJob(go))
    assert board.current(WaitingJob) is second is not first
    assert second.wait(10)


def test_a_job_is_forgotten_only_when_it_has_ended():
    board, go = JobBoard(), threading.Event()
    job = board.start(WaitingJob(go))
    board.clear(WaitingJob)
    assert board.current(WaitingJob) is job
    go.set()
    assert job.wait(10)
    board.clear(OtherJob)
    assert board.current(WaitingJob) is job
    board.clear(WaitingJob)
    assert board.current(WaitingJob) is None


def test_a_home_has_one_board(tmp_path, monkeypatch):
    here = job_board()
    assert job_board() is here
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    assert job_board() is not here
