"""What a run's manifest says, and that nothing else passes for one."""

from __future__ import annotations

import json
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.manifest import (
    MANIFEST,
    Manifest,
    RunError,
    file_stamp,
    looks_like_a_run,
    read_manifest,
    write_manifest,
)
from analysis.runs import ACTIVATIONS, EXAMPLES, PREDICTIONS, PROBES, WEIGHTS, Run
from tests.old_run import to_schema_1


@pytest.fixture
def copied(tiny_run: Run, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_run.path, tmp_path / "copied")


def test_a_manifest_survives_json(tiny_run: Run):
    manifest = replace(tiny_run.manifest, vocabulary=(False, True), notes=("One.",))
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_the_manifest_says_what_the_run_was_made_from(tiny_run: Run, tiny_folder: Path):
    manifest = tiny_run.manifest
    assert manifest.schema == 2
    assert manifest.vocabulary == manifest.class_names == ("sand", "sea")
    assert Path(manifest.data_root) == tiny_folder
    assert manifest.counts == {"train": 48, "valid": 12, "skipped": 0}
    assert set(manifest.files) == {WEIGHTS, EXAMPLES, PREDICTIONS, PROBES, ACTIVATIONS}
    table = tiny_run.predictions()
    wrong = int((table["label"] != table["predicted"]).sum())
    assert manifest.results == {"examples": 12, "mistakes": wrong, "missing": 0}
    assert {"torch", "fastai", "timm"} <= set(manifest.versions)
    assert [row["phase"] for row in manifest.history] == ["frozen", "full"]
    assert manifest.normalize[0] == pytest.approx((0.485, 0.456, 0.406))


def test_the_manifest_does_not_grow_with_the_examples(tiny_run: Run):
    text = (tiny_run.path / MANIFEST).read_text()
    assert not any(name in text for name in tiny_run.examples().labels)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"schema": 1}'])
def test_a_broken_manifest_is_refused(copied: Path, text: str):
    (copied / MANIFEST).write_text(text)
    with pytest.raises(RunError, match="cannot be read"):
        read_manifest(copied)


def test_a_manifest_that_is_no_text_is_refused(copied: Path):
    (copied / MANIFEST).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RunError, match="cannot be read"):
        read_manifest(copied)


def test_another_layout_is_named(copied: Path):
    values = json.loads((copied / MANIFEST).read_text())
    (copied / MANIFEST).write_text(json.dumps({**values, "schema": 3}))
    with pytest.raises(RunError, match="layout 3; 1 and 2 are known"):
        read_manifest(copied)


def test_the_names_in_a_manifest_of_schema_1_become_counts(tiny_run: Run, copied: Path):
    to_schema_1(copied)
    manifest = read_manifest(copied)
    assert manifest.schema == 1
    assert manifest.counts == tiny_run.manifest.counts
    assert (manifest.recipe, manifest.history) == (tiny_run.manifest.recipe, tiny_run.manifest.history)


def test_a_manifest_is_read_again_only_when_its_file_was_replaced(copied: Path, tiny_run: Run):
    first = read_manifest(copied)
    assert read_manifest(copied) is first
    before = file_stamp(copied / MANIFEST)
    write_manifest(replace(first, device="another machine"), copied)
    assert file_stamp(copied / MANIFEST) != before
    assert read_manifest(copied).device == "another machine"


def test_a_reader_sees_the_old_manifest_or_the_new_one(copied: Path):
    """One thread writes while this one reads: no text is ever half a manifest, and no file is left over."""
    texts = [replace(read_manifest(copied), device=device * 5000) for device in "ab"]
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for manifest in texts:
                write_manifest(manifest, copied)

    write_manifest(texts[0], copied)
    thread = threading.Thread(target=write)
    thread.start()
    try:
        seen = {Manifest.from_json((copied / MANIFEST).read_text()).device[0] for _ in range(200)}
    finally:
        stop.set()
        thread.join(10)
    assert seen <= {"a", "b"}
    assert not [path for path in copied.iterdir() if path.name.startswith(".")]


def test_a_write_that_fails_leaves_the_old_manifest(copied: Path, monkeypatch: pytest.MonkeyPatch):
    before = (copied / MANIFEST).read_bytes()

    def fail(*args: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        write_manifest(read_manifest(copied), copied)
    assert (copied / MANIFEST).read_bytes() == before
    assert not [path for path in copied.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"schema": 99, "recipe": {}}', True),
        ('{"schema": 1}', False),
        ('["schema", "recipe"]', False),
        ("no JSON", False),
    ],
)
def test_a_run_is_told_from_another_programs_manifest(text: str, expected: bool, tmp_path: Path):
    assert not looks_like_a_run(tmp_path)
    (tmp_path / MANIFEST).write_text(text)
    assert looks_like_a_run(tmp_path) is expected
