"""One writer at a time for a run folder, which appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_REPLACED = ".old-"  # begins the name of a run that a new one is about to replace


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
        self._replaced = target.parent / f"{_REPLACED}{target.name}"

    def clean(self) -> None:
        """Remove what a killed writer left; needs the lock, so nobody else is writing."""
        _put_back(self._replaced, self.target)
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
    path = _lock_path(target)
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


def put_back(folder: Path) -> list[Path]:
    """Restore the runs in a folder that a killed writer moved aside and never replaced; return where they are.

    A run whose lock another process holds is left alone: that process is about to replace it.
    """
    restored = []
    for replaced in sorted(folder.glob(f"{_REPLACED}*")):
        target = folder / replaced.name.removeprefix(_REPLACED)
        if target.exists():
            continue
        with suppress(Timeout, OSError), FileLock(_lock_path(target), timeout=0):
            if _put_back(replaced, target):
                restored.append(target)
    return restored


def _put_back(replaced: Path, target: Path) -> bool:
    """Undo the first rename of `publish` where the process was killed before the second; needs the lock."""
    if not replaced.exists() or target.exists():
        return False
    os.rename(replaced, target)
    return True


def _lock_path(target: Path) -> Path:
    return target.parent / f".{target.name}.lock"
