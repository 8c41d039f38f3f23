"""One writer at a time for a run folder, which appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


class RunWriter:
    """A folder under way, and the place it will take.

    Attributes
    ----------
    target : where the run will stand
    folder : empty folder beside it to write into
    """

    def __init__(self, target: Path) -> None:
        """Take the run folder's path; its parent exists."""
        self.target = target
        self.folder = target.parent / f".new-{target.name}"
        self._replaced = target.parent / f".old-{target.name}"

    def clean(self) -> None:
        """Remove what a killed writer left; needs the lock, so nobody else is writing."""
        if self._replaced.exists() and not self.target.exists():
            os.rename(self._replaced, self.target)  # killed between the two renames of `publish`
        for leftover in (self._replaced, self.folder):
            if leftover.exists():
                shutil.rmtree(leftover)

    def start(self) -> Path:
        """Make the folder and return it."""
        self.folder.mkdir()
        return self.folder

    def publish(self) -> None:
        """Put the folder in its place; a run that stands there is removed after the new one is in."""
        if self.target.exists():
            os.rename(self.target, self._replaced)
        os.rename(self.folder, self.target)
        shutil.rmtree(self._replaced, ignore_errors=True)


@contextmanager
def run_writer(target: Path, waiting: Callable[[], None]) -> Iterator[RunWriter]:
    """Hold the right to write a run folder; `waiting` is called once where another process has it.

    The lock is the operating system's and ends with the process that holds it, so whatever lies under
    the temporary names when it is had was left by a writer that died, and is removed. The lock's file
    stays beside the run; where no run came to stand, neither it nor a half-written folder is left.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.parent / f".{target.name}.lock"
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waiting()
        lock.acquire()
    try:
        writer = RunWriter(target)
        writer.clean()
        yield writer
    finally:
        if not target.exists():
            # Still held: whoever waits for it sees a file without a name, and filelock opens a new one.
            with suppress(OSError):
                writer.clean()
                path.unlink()
        lock.release()
