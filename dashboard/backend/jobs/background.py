"""Work on a whole validation set, in a thread of its own, one at a time; the pages go on meanwhile."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import Generic, Self, TypeVar

from analysis.errors import CamLensError
from analysis.progress import ProgressEvent, Report, TimedReport
from analysis.runs import Run
from dashboard.backend.gone import ImageGone
from dashboard.backend.jobs.fit import unexpected

_log = logging.getLogger(__name__)


class _Stopped(Exception):
    """The user asked for an end."""


@dataclass
class BackgroundJob:
    """Work under way or ended: `event` is what it said last, `error` why it failed.

    A kind of work overrides `work`, and adds what it is about as a field.
    """

    run: Run
    event: ProgressEvent | None = field(default=None, kw_only=True)
    error: str | None = field(default=None, kw_only=True)
    stopped: bool = field(default=False, kw_only=True)
    _ended: threading.Event = field(default_factory=threading.Event, repr=False, kw_only=True)

    def work(self, report: Report) -> None:
        """Do it and keep what comes of it."""
        raise NotImplementedError(type(self).__name__)

    def start(self) -> Self:
        """Begin in a thread of its own."""
        threading.Thread(target=self._work, name=type(self).__name__, daemon=True).start()
        return self

    @property
    def running(self) -> bool:
        """True until the result is kept, or the job has failed or been stopped."""
        return not self._ended.is_set()

    def stop(self) -> None:
        """Ask it to end before the next batch."""
        self.stopped = True

    def wait(self, timeout: float | None = None) -> bool:
        """Block until it has ended; False when `timeout` seconds passed first."""
        return self._ended.wait(timeout)

    def _work(self) -> None:
        def said(event: ProgressEvent) -> None:
            if self.stopped:
                raise _Stopped
            self.event = event

        try:
            self.work(TimedReport(said))
        except _Stopped:
            pass
        except (CamLensError, ImageGone) as problem:
            self.error = str(problem)
        except Exception as problem:
            _log.exception("%s on %s failed", type(self).__name__, self.run.name)
            self.error = unexpected(f"{type(problem).__name__}: {problem}")
        finally:
            self._ended.set()


Job = TypeVar("Job", bound=BackgroundJob)


class Board(Generic[Job]):
    """At most one job running at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.current: Job | None = None

    def start(self, job: Job) -> Job:
        """Start a job, or hand back the one that is already running."""
        with self._lock:
            if self.current is None or not self.current.running:
                self.current = job.start()
            return self.current
