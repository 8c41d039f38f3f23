"""A fine-tune in a process of its own, and what it last said.

Training inside the Streamlit process would hold the interpreter for a minute and make every page crawl, and
a crash there would take the dashboard along. So a page starts the same command that a person types
(`python -m analysis fit ... --progress json`) and reads its progress, one JSON object a line.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analysis.progress import ProgressEvent

REPOSITORY = Path(__file__).resolve().parents[3]

_log = logging.getLogger(__name__)


def unexpected(problem: str) -> str:
    """Return what a page says of an error that no message was written for; the log has its traceback."""
    return f"An unexpected error ended it: {problem.strip(' .')}. See the server's terminal."


@dataclass
class FitJob:
    """One running or ended `python -m analysis fit`.

    `arguments` are the command's own words after `fit`, `event` is what it said last, `error` the message of a
    failed run.
    """

    arguments: tuple[str, ...]
    event: ProgressEvent | None = None
    error: str | None = None
    cancelled: bool = False
    _process: subprocess.Popen | None = field(default=None, repr=False)
    _said: deque = field(default_factory=lambda: deque(maxlen=30), repr=False)
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)

    def start(self) -> FitJob:
        """Start the process and the thread that listens to it."""
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "analysis",
                "fit",
                *self.arguments,
                "--progress",
                "json",
                "--die-with-parent",
            ],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",  # a file name that is no text must not end the thread that listens
        )
        errors = threading.Thread(target=self._keep_stderr, name="fit-errors", daemon=True)
        errors.start()
        threading.Thread(target=self._listen, args=(errors,), name="fit-progress", daemon=True).start()
        return self

    @property
    def running(self) -> bool:
        """True until the process has ended and its last line has been read."""
        return not self._ended.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the job has ended; False when `timeout` seconds passed first."""
        return self._ended.wait(timeout)

    def cancel(self) -> None:
        """Ask the process to end; what it had written is of no harm to the next start."""
        if self._process is not None and self._process.poll() is None:
            self.cancelled, self.error = True, "Stopped on request."
            self._process.terminate()

    def _listen(self, errors: threading.Thread) -> None:
        process = self._process
        assert process is not None
        try:
            for line in process.stdout or ():
                self._read(line)
            code = process.wait()
            errors.join(5.0)
            if code != 0 and self.error is None:
                said = "".join(self._said)
                _log.error("python -m analysis fit ended with exit status %s:\n%s", code, said)
                self.error = unexpected(said.strip().rpartition("\n")[2] or f"exit status {code}.")
        except Exception as problem:
            _log.exception("the progress of python -m analysis fit cannot be read")
            self.error = unexpected(f"{type(problem).__name__}: {problem}")
        finally:
            self._ended.set()

    def _read(self, line: str) -> None:
        try:
            event = ProgressEvent.from_json(line)
        except (ValueError, TypeError):
            self._said.append(line)
            return
        if event.stage == "error":
            self.error = self.error or event.message
        else:
            self.event = event

    def _keep_stderr(self) -> None:
        process = self._process
        assert process is not None
        for line in process.stderr or ():
            self._said.append(line)


class JobBoard:
    """The fine-tunes that this server has started, at most one running at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._job: FitJob | None = None

    @property
    def current(self) -> FitJob | None:
        """The job that runs now, or the last one that ended."""
        return self._job

    def start(self, arguments: Sequence[str]) -> FitJob:
        """Start a fine-tune, or hand back the one that is already running."""
        with self._lock:
            if self._job is None or not self._job.running:
                self._job = FitJob(tuple(arguments)).start()
            return self._job

    def clear(self) -> None:
        """Forget an ended job, so that its message is not shown again."""
        with self._lock:
            if self._job is not None and not self._job.running:
                self._job = None
