"""Where the product writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.home import home


def test_the_variable_moves_everything_and_the_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path / "a" / "b"))
    assert home() == tmp_path / "a" / "b"
    assert home().is_dir()


def test_without_the_variable_it_is_the_users_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CAMLENS_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path in home().parents
    assert home().name == "camlens"


def test_a_relative_home_does_not_follow_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMLENS_HOME", "here")
    assert home() == tmp_path / "here"
