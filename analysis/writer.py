"""One writer at a time for a run folder, which appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_REPLACED = ".old-"  # prefix of a run that a new one is about to replace


class RunWriter:
    """Write a run into a temporary folder, and rename it when it is complete.

    Attributes
    ----------
    target : the run's final path
    folder : the temporary folder beside it
    """

    def __init__(self, target: Path) -> None:
        """Set the paths; the parent of `target` exists."""
        self.target = target
        self.folder = target.parent / f".new-{target.name}"
        self._replaced = target.parent / f"{_REPLACED}{target.name}"

    def clean(self) -> None:
        """Remove what a killed writer left. The caller holds the lock, so that nobody else is writing."""
        _put_back(self._replaced, self.target)
        for leftover in (self._replaced, self.folder):
            if leftover.exists():
                shutil.rmtree(leftover)

    def start(self) -> Path:
        """Create the temporary folder and return it."""
        self.folder.mkdir()
        return self.folder

    def publish(self) -> None:
        """Rename the folder to `target`; a run that was there is removed after that."""
        if self.target.exists():
            os.rename(self.target, self._replaced)
        os.rename(self.folder, self.target)
        shutil.rmtree(self._replaced, ignore_errors=True)


@contextmanager
def run_writer(target: Path, waiting: Callable[[], None]) -> Iterator[RunWriter]:
    """Lock a run folder for writing, and return its writer.

    The operating system releases the lock when the process that holds it ends. So any file that has a temporary
    name when the lock is acquired was left by a dead writer, and is removed. The lock's file stays beside the
    run. If there is no run in the end, neither the lock's file nor a half-written folder is left.

    Parameters
    ----------
    target : path of the run folder
    waiting : called once if another process holds the lock
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
            # The lock is still held here. A process that waits for it notices that the file has lost its name,
            # and filelock opens a new one.
            with suppress(OSError):
                writer.clean()
                path.unlink()
        lock.release()


def put_back(folder: Path) -> list[Path]:
    """Restore the runs that a killed writer had renamed and not replaced; return their paths.

    A run whose lock another process holds is left alone: that process is about to replace it.

    Parameters
    ----------
    folder : the folder of the runs
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
    """Undo the first rename of `publish` if the second is missing; say whether it was. The caller has the lock."""
    if not replaced.exists() or target.exists():
        return False
    os.rename(replaced, target)
    return True


def _lock_path(target: Path) -> Path:
    return target.parent / f".{target.name}.lock"
