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
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, ClassVar

from analysis.progress import ProgressEvent, Report
from analysis.runs import Run
from dashboard.backend.jobs.job import Job, unexpected

REPOSITORY = Path(__file__).resolve().parents[3]

_log = logging.getLogger(__name__)


@dataclass
class FitJob(Job):
    """One running or ended `python -m analysis fit`; `arguments` are the words after `fit`.

    Its thread only reads lines. Python need not wait for it when the process ends: the fine-tune ends when its
    standard input closes.
    """

    ends_with_process: ClassVar[bool] = True

    arguments: tuple[str, ...]
    _process: subprocess.Popen | None = field(default=None, repr=False, kw_only=True)

    @classmethod
    def again(cls, run: Run) -> FitJob:
        """Return the job that trains a run's recipe once more, in its place."""
        return cls((*run.manifest.recipe.options(), "--run", str(run.path), "--force"))

    def work(self, report: Report) -> None:
        """Run the command to its end; what it had written is of no harm to the next start."""
        words = ["-m", "analysis", "fit", *self.arguments, "--progress", "json", "--die-with-parent"]
        with subprocess.Popen(
            [sys.executable, *words],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",  # a file name that is no text must not end this thread
        ) as process:
            self._process = process
            if self.stopped:
                process.terminate()
            assert process.stdout is not None
            assert process.stderr is not None
            other_lines: deque[str] = deque(maxlen=30)
            errors = threading.Thread(target=other_lines.extend, args=(process.stderr,), daemon=True)
            errors.start()
            try:
                self._read(process.stdout, other_lines, report)
            except BaseException:
                process.terminate()
                raise
            code = process.wait()
            errors.join(5.0)
        if code != 0 and self.error is None:
            said = "".join(other_lines)
            _log.error("python -m analysis fit ended with exit status %s:\n%s", code, said)
            self.error = unexpected(said.strip().rpartition("\n")[2] or f"exit status {code}.")

    def stop(self) -> None:
        """Ask the process to end."""
        if self.running:
            self.stopped, self.error = True, "Stopped on request."
            if self._process is not None:
                self._process.terminate()

    def _read(self, output: IO[str], other_lines: deque[str], report: Report) -> None:
        for line in output:
            try:
                event = ProgressEvent.from_json(line)
            except (ValueError, TypeError):
                other_lines.append(line)
                continue
            if event.stage == "error":
                self.error = self.error or event.message
            else:
                report(event)
