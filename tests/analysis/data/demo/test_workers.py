"""Several processes draw what one would draw, and say how far they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.data.demo import workers as module
from analysis.data.demo.files import make_folders
from analysis.data.demo.workers import Progress, _share, draw_all
from tests.tiny import FEW_PICTURES, REPOSITORY


def picture_files(root: Path) -> dict[str, bytes]:
    """Return the files of the pictures, by name."""
    files = [*root.glob("images/*"), *root.glob("annotations/*/*")]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def draw_into(root: Path, report: Progress | None = None, workers: int = 2) -> None:
    make_folders(root)
    draw_all(root, report, FEW_PICTURES, workers)


def test_same_seed_same_files_whatever_the_number_of_processes(folder: Path, tmp_path: Path) -> None:
    draw_into(tmp_path, workers=2)
    assert picture_files(tmp_path) == picture_files(folder)


def test_the_shares_are_disjoint_and_cover_the_plan() -> None:
    shares = [_share(FEW_PICTURES, share, 5) for share in range(5)]
    stems = [picture.stem for share in shares for picture in share]
    assert len(set(stems)) == len(stems) == 36


def test_progress_counts_up_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    draw_into(tmp_path, lambda done, total: seen.append((done, total)))
    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert seen[0] == (0, 36)
    assert seen[-1] == (36, 36)


def test_a_failing_helper_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="draws the demo failed"):
        draw_into(tmp_path)


def test_a_process_whose_parent_is_gone_draws_nothing(tmp_path: Path) -> None:
    make_folders(tmp_path)
    parameters = '{"n_train": 24, "n_valid": 12}'
    job = f'{{"folder": "{tmp_path}", "workers": 2, "parent": {os.getpid() + 1}, "parameters": {parameters}}}'
    command = [sys.executable, "-m", "analysis.data.demo.workers", job, "1"]
    assert subprocess.run(command, cwd=REPOSITORY, check=False, timeout=60).returncode == 0
    assert picture_files(tmp_path) == {}
