"""Work in the background while the pages go on: what it said last, how it ended, and a way to stop it."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import ClassVar, Self

from analysis.errors import CamLensError
from analysis.progress import ProgressEvent, Report
from dashboard.backend.gone import ImageGone
from dashboard.backend.threads import leave_at_exit, start_thread

_log = logging.getLogger(__name__)


class _Stopped(Exception):
    """The user asked for an end."""


@dataclass
class Job:
    """Work under way or ended; each kind of work overrides `work` and adds its fields.

    Attributes
    ----------
    event : what it reported last; None before its first report
    error : why it failed, for the page; None while it runs and after it succeeded
    stopped : whether the user asked it to end
    ends_with_process : whether Python may end its thread at any moment when the process ends; else Python waits
        for the next report. Only for threads that run no code of torch, see `dashboard.backend.threads`
    """

    ends_with_process: ClassVar[bool] = False

    event: ProgressEvent | None = field(default=None, kw_only=True)
    error: str | None = field(default=None, kw_only=True)
    stopped: bool = field(default=False, kw_only=True)
    _ended: threading.Event = field(default_factory=threading.Event, repr=False, kw_only=True)

    def work(self, report: Report) -> None:
        """Do the work and keep its result; `report` raises where the work has to end early."""
        raise NotImplementedError(type(self).__name__)

    def start(self) -> Self:
        """Begin in a new thread."""
        start_thread(self._run, type(self).__name__, daemon=self.ends_with_process)
        return self

    @property
    def running(self) -> bool:
        """Return whether it has neither kept its result, nor failed, nor been stopped."""
        return not self._ended.is_set()

    def stop(self) -> None:
        """Ask it to end at its next report."""
        self.stopped = True

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended; return False when `timeout` seconds passed first."""
        return self._ended.wait(timeout)

    def _run(self) -> None:
        try:
            self.work(self._receive)
        except _Stopped:
            pass
        except (CamLensError, ImageGone) as problem:
            self.error = str(problem)
        except Exception as problem:
            leave_at_exit()  # a process that ends refuses some things, such as importing a thread pool
            _log.exception("%s failed", self)
            self.error = unexpected(f"{type(problem).__name__}: {problem}")
        finally:
            self._ended.set()

    def _receive(self, event: ProgressEvent) -> None:
        leave_at_exit()
        if self.stopped:
            raise _Stopped
        self.event = event


def unexpected(problem: str) -> str:
    """Return what a page says of an error that no message was written for; the log has its traceback."""
    return f"An unexpected error ended it: {problem.strip(' .')}. See the server's terminal."
