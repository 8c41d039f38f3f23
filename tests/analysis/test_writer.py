"""A run folder appears whole or not at all, and one process writes it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from analysis.writer import put_back, run_writer


def nobody() -> None:
    pytest.fail("nobody else writes")


def files(folder: Path) -> set[str]:
    """Return what is visible beside the lock, which stays."""
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def write(target: Path, text: str) -> None:
    with run_writer(target, nobody) as writer:
        (writer.start() / "file").write_text(text)
        writer.publish()


def test_the_folder_stands_when_it_is_published_and_not_before(tmp_path: Path):
    target = tmp_path / "deep" / "run"
    with run_writer(target, nobody) as writer:
        folder = writer.start()
        (folder / "file").write_text("new")
        assert not target.exists()
        assert folder.name.startswith(".")
        writer.publish()
        assert (target / "file").read_text() == "new"
    assert files(target.parent) == {"run"}


def test_a_new_run_replaces_the_old_one(tmp_path: Path):
    write(tmp_path / "run", "old")
    write(tmp_path / "run", "new")
    assert (tmp_path / "run" / "file").read_text() == "new"
    assert files(tmp_path) == {"run"}


def test_what_a_dead_writer_left_is_removed(tmp_path: Path):
    write(tmp_path / "run", "old")
    with run_writer(tmp_path / "run", nobody) as writer:
        (writer.start() / "file").write_text("half")
    with run_writer(tmp_path / "run", nobody) as writer:
        assert files(tmp_path) == {"run"}
        assert list(writer.start().iterdir()) == []
    assert (tmp_path / "run" / "file").read_text() == "old"


def test_a_run_moved_aside_by_a_dead_writer_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "run", "old")
    with run_writer(tmp_path / "run", nobody) as writer:
        writer.start()
        (tmp_path / "run").rename(tmp_path / ".old-run")  # killed between the two renames
    with run_writer(tmp_path / "run", nobody):
        assert (tmp_path / "run" / "file").read_text() == "old"
        assert files(tmp_path) == {"run"}


def killed_between_the_renames(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace a run in a process that dies after the first rename of `publish`."""
    rename, calls = os.rename, []

    def dies(source: Path, destination: Path) -> None:
        calls.append(source)
        if len(calls) == 2:
            os._exit(9)
        rename(source, destination)

    pid = os.fork()
    if pid == 0:
        monkeypatch.setattr(os, "rename", dies)
        write(target, "new")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    assert not target.exists()


def test_a_look_brings_back_a_run_whose_writer_was_killed_between_the_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(tmp_path / "run", "old")
    killed_between_the_renames(tmp_path / "run", monkeypatch)
    assert put_back(tmp_path) == [tmp_path / "run"]
    assert (tmp_path / "run" / "file").read_text() == "old"
    assert put_back(tmp_path) == []


def test_a_look_leaves_a_run_alone_that_is_being_replaced(tmp_path: Path):
    write(tmp_path / "run", "old")
    with run_writer(tmp_path / "run", nobody):
        (tmp_path / "run").rename(tmp_path / ".old-run")
        assert put_back(tmp_path) == []
        (tmp_path / ".old-run").rename(tmp_path / "run")


def test_a_dead_writers_old_run_is_removed_where_the_new_one_stands(tmp_path: Path):
    write(tmp_path / "run", "new")
    (tmp_path / ".old-run").mkdir()
    with run_writer(tmp_path / "run", nobody):
        assert files(tmp_path) == {"run"}
    assert (tmp_path / "run" / "file").read_text() == "new"


def test_a_second_writer_waits_for_the_first(tmp_path: Path):
    order: list[str] = []
    waits = threading.Event()

    def second() -> None:
        with run_writer(tmp_path / "run", waits.set) as writer:
            order.append("second")
            writer.start()
            writer.publish()

    with run_writer(tmp_path / "run", nobody) as writer:
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(10)
        writer.start()
        writer.publish()
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_the_lock_is_free_after_an_error(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), run_writer(tmp_path / "run", nobody):
        raise ZeroDivisionError
    write(tmp_path / "run", "fine")


def test_a_lock_that_was_removed_still_lets_one_writer_in_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The first fails and removes the lock's file while the others wait for it."""
    lock_file = tmp_path / ".run.lock"
    unlink = Path.unlink
    held_at_removal: list[bool] = []

    def checked(path: Path, missing_ok: bool = False) -> None:
        if path == lock_file:
            held_at_removal.append(not can_be_locked(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", checked)
    waiting = threading.Semaphore(0)
    failed = threading.Event()
    inside: list[int] = []
    most: list[int] = []
    locked: list[bool] = []

    def other() -> None:
        with run_writer(tmp_path / "run", waiting.release):
            inside.append(1)
            assert failed.wait(10)  # from here on, nobody removes the file but who is inside
            locked.append(not can_be_locked(lock_file))
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=other) for _ in range(3)]
    with pytest.raises(ZeroDivisionError), run_writer(tmp_path / "run", nobody):
        for thread in threads:
            thread.start()
        for _ in threads:
            assert waiting.acquire(timeout=10)
        raise ZeroDivisionError
    failed.set()
    for thread in threads:
        thread.join(10)
    assert held_at_removal == [True, True, True, True]
    assert locked == [True, True, True]
    assert most == [1, 1, 1]
    assert list(tmp_path.iterdir()) == []


def can_be_locked(path: Path) -> bool:
    """Say whether a newcomer would get the lock."""
    try:
        with FileLock(path, timeout=0):
            return True
    except Timeout:
        return False
