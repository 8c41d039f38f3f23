"""Slow methods beside the pages: shared, stopped, taken up again, and nobody waits for another's lock."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import dashboard.backend.jobs.maps as works_module
from dashboard.backend.jobs.maps import Works


class Steps:
    """A method of `count` layers whose passes go on when the test lets them."""

    def __init__(self, count: int = 3) -> None:
        self.count, self.starts, self.gate = count, 0, threading.Semaphore(0)

    def make(self, done, progress):
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


def test_two_readers_share_one_work():
    works, steps = Works(), Steps()
    first = works.ask("key", "slow", "anna", steps.make)
    assert works.ask("key", "slow", "ben", steps.make) is first
    steps.release(3)
    assert first.wait(10)
    assert (first.finished, first.made, steps.starts) == (True, (0, 1, 2), 1)
    assert works.ask("key", "slow", "ben", steps.make) is first


def test_a_work_that_its_last_reader_leaves_stops_and_goes_on_later():
    works, steps = Works(), Steps()
    work = works.ask("key", "slow", "anna", steps.make)
    works.ask("key", "slow", "ben", steps.make)
    works.leave("anna", frozenset({"key"}))
    steps.release(1)
    until(lambda: work.made == (0,))
    assert work.running
    works.leave("ben", frozenset({"key", "another"}))
    steps.release(1)
    assert work.wait(10)
    assert not work.finished
    assert work.made == (0,)
    again = works.ask("key", "slow", "anna", steps.make)
    steps.release(2)
    assert again.wait(10)
    assert (again.finished, again.made) == (True, (0, 1, 2))


def test_a_work_nobody_asks_for_any_more_stops(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(works_module, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=time.sleep))
    works, steps = Works(), Steps()
    work = works.ask("key", "slow", "anna", steps.make)
    now[0] = works_module.PATIENCE
    steps.release(1)
    until(lambda: work.made == (0,))  # not yet: it was asked for a moment ago
    now[0] += 0.1
    steps.release(3)
    assert work.wait(10)
    assert not work.finished


def test_works_take_turns_layer_by_layer():
    works, long, short = Works(), Steps(3), Steps(1)
    one = works.ask(1, "slow", "anna", long.make)
    until(lambda: long.starts == 1)
    two = works.ask(2, "slow", "ben", short.make)
    until(lambda: len(works._turns._queue) == 2)  # the short one stands in line
    assert short.starts == 0
    assert two.words == ""
    long.release(1)  # one layer of the long one, then it is the short one's turn
    until(lambda: short.starts == 1)
    assert one.made == (0,)
    short.release(1)
    assert two.wait(10)
    assert two.finished
    assert one.running
    long.release(2)
    assert one.wait(10)
    assert one.made == (0, 1, 2)


def test_a_work_can_be_left_while_it_waits_its_turn():
    works, first, second = Works(), Steps(1), Steps(1)
    one = works.ask(1, "slow", "anna", first.make)
    until(lambda: first.starts == 1)
    two = works.ask(2, "slow", "ben", second.make)
    works.leave("ben", frozenset({2}))
    assert two.wait(10)
    assert second.starts == 0
    first.release(1)
    assert one.wait(10)
    assert one.finished


def test_an_error_is_kept_for_the_page():
    def broken(done, progress):
        raise RuntimeError("no memory")
        yield

    works = Works()
    work = works.ask("key", "slow", "anna", broken)
    assert work.wait(10)
    assert str(work.error) == "no memory"
    works.forget("key")
    assert works.get("key") is None


ENDLESS = """
import itertools, threading
from dashboard.backend.jobs.maps import Works

began = threading.Event()

def make(done, progress):
    for number in itertools.count():
        progress("slow", 0, 1, number, 10**9)
        began.set()
    yield

Works().ask("key", "slow", "anna", make)
assert began.wait(10)
"""


def test_a_work_ends_with_the_process():
    ended = subprocess.run([sys.executable, "-c", ENDLESS], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
