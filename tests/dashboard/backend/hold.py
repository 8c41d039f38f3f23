"""A reader that has a learner to itself until the test lets it go."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

AT_ONCE = 30  # seconds within which an answer must come, however busy the machine; the holder would never let go


class Hold:
    """A computation that goes on until the test lets it end."""

    def __init__(self) -> None:
        self.inside, self.end = threading.Event(), threading.Event()

    def __call__(self, *_) -> str:
        self.inside.set()
        assert self.end.wait(600)
        return "done"


@contextmanager
def held_by(ask):
    """A second thread that runs `ask(hold)`; gives a function that runs others in a third, with a time limit."""
    hold = Hold()
    with ThreadPoolExecutor(2) as pool:
        try:
            holder = pool.submit(ask, hold)
            assert hold.inside.wait(60)
            yield lambda work, *args: pool.submit(work, *args).result(AT_ONCE)
            assert not holder.done()
        finally:
            hold.end.set()
        assert holder.result(60) == "done"
