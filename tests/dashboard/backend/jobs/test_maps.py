"""Slow methods beside the pages: shared, stopped, taken up again, and nobody waits for another's lock."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import dashboard.backend.jobs.maps as jobs_module
from dashboard.backend.jobs.maps import MapJobs


class Steps:
    """A method of `count` layers whose passes go on when the test lets them."""

    def __init__(self, count: int = 3) -> None:
        self.count, self.starts, self.gate = count, 0, threading.Semaphore(0)

    def compute(self, done, progress):
        self.starts += 1
        for layer in range(len(done or ()), self.count):
            self.gate.acquire(timeout=5)
            progress("slow", layer, self.count, 1, 2)
            done = (*(done or ()), layer)
            yield done

    def release(self, steps: int) -> None:
        for _ in range(steps):
            self.gate.release()


def until(condition) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_two_readers_share_one_job():
    jobs, steps = MapJobs(), Steps()
    first = jobs.request("key", "slow", "anna", steps.compute)
    assert jobs.request("key", "slow", "ben", steps.compute) is first
    steps.release(3)
    assert first.wait(10)
    assert (first.complete, first.maps, steps.starts) == (True, (0, 1, 2), 1)
    assert jobs.request("key", "slow", "ben", steps.compute) is first


def test_a_map_job_that_its_last_reader_leaves_stops_and_goes_on_later():
    jobs, steps = MapJobs(), Steps()
    job = jobs.request("key", "slow", "anna", steps.compute)
    jobs.request("key", "slow", "ben", steps.compute)
    jobs.leave("anna", frozenset({"key"}))
    steps.release(1)
    until(lambda: job.maps == (0,))
    assert job.running
    jobs.leave("ben", frozenset({"key", "another"}))
    steps.release(1)
    assert job.wait(10)
    assert not job.complete
    assert job.maps == (0,)
    again = jobs.request("key", "slow", "anna", steps.compute)
    steps.release(2)
    assert again.wait(10)
    assert (again.complete, again.maps) == (True, (0, 1, 2))


def test_a_map_job_nobody_asks_for_any_more_stops(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(jobs_module, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=time.sleep))
    jobs, steps = MapJobs(), Steps()
    job = jobs.request("key", "slow", "anna", steps.compute)
    now[0] = jobs_module.PATIENCE
    steps.release(1)
    until(lambda: job.maps == (0,))  # not yet: it was asked for a moment ago
    now[0] += 0.1
    steps.release(3)
    assert job.wait(10)
    assert not job.complete


def test_jobs_take_turns_layer_by_layer():
    jobs, long, short = MapJobs(), Steps(3), Steps(1)
    one = jobs.request(1, "slow", "anna", long.compute)
    until(lambda: long.starts == 1)
    two = jobs.request(2, "slow", "ben", short.compute)
    until(lambda: len(jobs._queue._waiting) == 2)  # the short one stands in line
    assert short.starts == 0
    assert two.message == ""
    long.release(1)  # one layer of the long one, then it is the short one's turn
    until(lambda: short.starts == 1)
    assert one.maps == (0,)
    short.release(1)
    assert two.wait(10)
    assert two.complete
    assert one.running
    long.release(2)
    assert one.wait(10)
    assert one.maps == (0, 1, 2)


def test_a_map_job_can_be_left_while_it_waits_its_turn():
    jobs, first, second = MapJobs(), Steps(1), Steps(1)
    one = jobs.request(1, "slow", "anna", first.compute)
    until(lambda: first.starts == 1)
    two = jobs.request(2, "slow", "ben", second.compute)
    jobs.leave("ben", frozenset({2}))
    assert two.wait(10)
    assert second.starts == 0
    first.release(1)
    assert one.wait(10)
    assert one.complete


def test_an_error_is_kept_for_the_page():
    def broken(done, progress):
        raise RuntimeError("no memory")
        yield

    jobs = MapJobs()
    job = jobs.request("key", "slow", "anna", broken)
    assert job.wait(10)
    assert str(job.error) == "no memory"
    jobs.forget("key")
    assert jobs.get("key") is None


ENDLESS = """
import itertools, threading
from dashboard.backend.jobs.maps import MapJobs

began = threading.Event()

def make(done, progress):
    for number in itertools.count():
        progress("slow", 0, 1, number, 10**9)
        began.set()
    yield

MapJobs().request("key", "slow", "anna", make)
assert began.wait(10)
"""


def test_a_map_job_ends_with_the_process():
    ended = subprocess.run([sys.executable, "-c", ENDLESS], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
