"""Methods that take their time, each in a thread of its own, so that a page stays usable and can stop them.

A page requests a job at every run and while it shows the job's progress. A job that nobody has requested for a
while ends by itself: its reader went to another picture or closed the tab. Its maps so far are kept, and the next
one who requests it continues from there.
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

PATIENCE = 20.0  # seconds without a request after which a job ends; a hidden tab requests once a second
PAUSE = 0.002  # seconds between two batches, for a page that waits for the network's lock
_KEPT = 24

# (maps of an earlier job, progress) -> the maps after each layer
Compute = Callable[["MethodMaps | None", "MethodProgress"], "Iterator[MethodMaps]"]


class _Abandoned(BaseException):
    """Ends a method half-way; no error, so nothing that handles errors must catch it."""


class Queue:
    """One job at a time, in the order of asking: one job already takes all cores.

    A turn is one layer, so that quick methods and everybody's last layers, which say most, come first.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @contextmanager
    def turn(self, check: Callable[[], None]) -> Iterator[None]:
        """Wait for a turn and keep it for the block; `check` may raise while waiting."""
        me = object()
        with self._changed:
            self._waiting.append(me)
        try:
            with self._changed:
                while self._waiting[0] is not me:
                    self._changed.wait(0.2)
                    check()
            yield
        finally:
            with self._changed:
                self._waiting.remove(me)
                self._changed.notify_all()


@dataclass
class MapJob:
    """One method on one score of one picture.

    Attributes
    ----------
    maps : those of the layers that are done; None before the first
    error : why it failed
    complete : whether `maps` has every layer
    """

    method: str
    maps: MethodMaps | None = None
    error: Exception | None = None
    complete: bool = False
    _requests: dict[str, float] = field(default_factory=dict, repr=False)
    _progress: tuple[int, int, int, int] = (0, 1, 0, 1)
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def running(self) -> bool:
        """Return whether the thread has not ended yet, whatever the reason."""
        return not self._ended.is_set()

    @property
    def fraction(self) -> float:
        """Return how much of it is done, 0 to 1, a layer counting as much as any other."""
        done, layers, passes, total = self._progress
        return min(1.0, (done + passes / max(total, 1)) / max(layers, 1))

    @property
    def message(self) -> str:
        """Return how far it is, in words; "" before it has begun."""
        done, layers, passes, total = self._progress
        return f"layer {done + 1} of {layers}, pass {passes:,} of {total:,}" if passes else ""

    def request(self, reader: str) -> None:
        """Note that a reader is still waiting."""
        self._requests[reader] = time.monotonic()

    def leave(self, reader: str) -> None:
        """Note that a reader does not want it any more; it ends when that was the last one."""
        self._requests.pop(reader, None)

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended; return False when the time was over first."""
        return self._ended.wait(seconds)

    def run(self, compute: Compute, queue: Queue) -> None:
        """Do the work, in its thread, one turn for each layer."""
        try:
            layers = compute(self.maps, self._note_progress)
            while True:
                with queue.turn(self._check):
                    maps = next(layers, None)
                if maps is None:
                    break
                self.maps = maps
            self.complete = True
        except _Abandoned:
            pass
        except Exception as error:  # is raised on the page that requests it
            self.error = error
        finally:
            self._ended.set()

    def _note_progress(self, _method: str, done: int, layers: int, passes: int, total: int) -> None:
        self._progress = (done, layers, passes, total)
        self._check()

    def _check(self) -> None:
        """Let others run; raise where nobody wants the maps any more."""
        leave_at_exit()
        time.sleep(PAUSE)
        newest = max(self._requests.copy().values(), default=0.0)
        if time.monotonic() - newest > PATIENCE:
            raise _Abandoned


class MapJobs:
    """The map jobs of this server; they take turns."""

    def __init__(self) -> None:
        """Start without a job."""
        self._lock = threading.Lock()
        self._queue = Queue()
        self._jobs: dict[object, MapJob] = {}

    def request(self, key: object, method: str, reader: str, compute: Compute) -> MapJob:
        """Return the running or complete job of this key, started or continued where there is none."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and (job.running or job.complete or job.error is not None):
                job.request(reader)
                return job
            job = MapJob(method, maps=None if job is None else job.maps)
            job.request(reader)
            self._jobs.pop(key, None)
            self._jobs[key] = job
            self._forget_oldest()
        start_thread(lambda: job.run(compute, self._queue), f"maps-{method}")
        return job

    def get(self, key: object) -> MapJob | None:
        """Return the job of a key, however it ended; None where there is none."""
        return self._jobs.get(key)

    def forget(self, key: object) -> None:
        """Drop a job that failed."""
        with self._lock:
            self._jobs.pop(key, None)

    def leave(self, reader: str, keys: frozenset[object]) -> None:
        """Note that a reader wants none of these jobs any more, also those that it never requested."""
        with self._lock:
            for key in keys & self._jobs.keys():
                self._jobs[key].leave(reader)

    def _forget_oldest(self) -> None:
        ended = [key for key, job in self._jobs.items() if not job.running]
        for key in ended[: max(0, len(self._jobs) - _KEPT)]:
            del self._jobs[key]
