"""Methods that take their time, each in a thread of its own, so that a page stays usable and can stop them.

A page asks for a work at every run and while it shows its progress. A work that nobody has asked for in a
while ends by itself: its reader went to another picture or closed the tab. What it had made is kept, and the
next one who asks goes on from there.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dashboard.backend.threads import leave_at_exit, start_thread

if TYPE_CHECKING:
    from analysis.explain.report.layers import MethodMaps, MethodProgress

PATIENCE = 20.0  # seconds without a question after which a work ends; a hidden tab asks once a second
YIELD = 0.002  # seconds between two batches, for a page that waits for the network's lock
_KEPT = 24

# (what an earlier work had made, progress) -> what there is after each layer
Make = Callable[["MethodMaps | None", "MethodProgress"], "Iterator[MethodMaps]"]


class Stopped(BaseException):
    """Ends a method half-way; no error, so nothing that handles errors must catch it."""


class Turns:
    """One at a time, in the order of asking: one work already takes all cores.

    A turn is one layer, so that quick methods and everybody's last layers, which say most, come first.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()

    @contextmanager
    def mine(self, still_wanted: Callable[[], None]) -> Iterator[None]:
        """Wait for the turn and keep it for the block; `still_wanted` may raise while waiting."""
        me = object()
        with self._changed:
            self._queue.append(me)
        try:
            with self._changed:
                while self._queue[0] is not me:
                    self._changed.wait(0.2)
                    still_wanted()
            yield
        finally:
            with self._changed:
                self._queue.remove(me)
                self._changed.notify_all()


@dataclass
class Work:
    """One method on one score of one picture; `made` is what there is so far."""

    method: str
    made: MethodMaps | None = None
    error: Exception | None = None
    finished: bool = False
    _asked: dict[str, float] = field(default_factory=dict, repr=False)
    _progress: tuple[int, int, int, int] = (0, 1, 0, 1)
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def running(self) -> bool:
        """True until the thread has ended, whatever the reason."""
        return not self._ended.is_set()

    @property
    def fraction(self) -> float:
        """How much of it is done, 0 to 1, a layer counting as much as any other."""
        done, layers, passes, total = self._progress
        return min(1.0, (done + passes / max(total, 1)) / max(layers, 1))

    @property
    def words(self) -> str:
        """How far it is, in words; "" before it has begun."""
        done, layers, passes, total = self._progress
        return f"layer {done + 1} of {layers}, pass {passes:,} of {total:,}" if passes else ""

    def ask(self, reader: str) -> None:
        """Say that a reader is still waiting."""
        self._asked[reader] = time.monotonic()

    def leave(self, reader: str) -> None:
        """A reader does not want it any more; it stops when that was the last one."""
        self._asked.pop(reader, None)

    def wait(self, seconds: float) -> bool:
        """Block until it has ended; False when the time was over first."""
        return self._ended.wait(seconds)

    def run(self, make: Make, turns: Turns) -> None:
        """Do the work, in its thread, taking turns layer by layer."""
        try:
            layers = make(self.made, self._tell)
            while True:
                with turns.mine(self._go_on):
                    made = next(layers, None)
                if made is None:
                    break
                self.made = made
            self.finished = True
        except Stopped:
            pass
        except Exception as error:  # is raised on the page that asks
            self.error = error
        finally:
            self._ended.set()

    def _tell(self, _method: str, done: int, layers: int, passes: int, total: int) -> None:
        self._progress = (done, layers, passes, total)
        self._go_on()

    def _go_on(self) -> None:
        leave_at_exit()
        time.sleep(YIELD)
        newest = max(self._asked.copy().values(), default=0.0)
        if time.monotonic() - newest > PATIENCE:
            raise Stopped


class Works:
    """The works of this server; they take turns."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns = Turns()
        self._works: dict[object, Work] = {}

    def ask(self, key: object, method: str, reader: str, make: Make) -> Work:
        """The running or finished work of this key, started or taken up again where there is none."""
        with self._lock:
            work = self._works.get(key)
            if work is not None and (work.running or work.finished or work.error is not None):
                work.ask(reader)
                return work
            work = Work(method, made=None if work is None else work.made)
            work.ask(reader)
            self._works.pop(key, None)
            self._works[key] = work
            self._forget_oldest()
        start_thread(lambda: work.run(make, self._turns), f"maps-{method}")
        return work

    def get(self, key: object) -> Work | None:
        """The work of a key, whatever became of it."""
        return self._works.get(key)

    def forget(self, key: object) -> None:
        """Drop a work that failed."""
        with self._lock:
            self._works.pop(key, None)

    def leave(self, reader: str, keys: frozenset[object]) -> None:
        """A reader has gone to something else than these; also tells works that it never asked for."""
        with self._lock:
            for key in keys & self._works.keys():
                self._works[key].leave(reader)

    def _forget_oldest(self) -> None:
        ended = [key for key, work in self._works.items() if not work.running]
        for key in ended[: max(0, len(self._works) - _KEPT)]:
            del self._works[key]
