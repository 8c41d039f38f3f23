"""Run folders: what opens, what is listed, and what is refused with which cure."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.manifest import MANIFEST
from analysis.predictions import Browse, open_predictions
from analysis.runs import (
    EXAMPLES,
    PREDICTIONS,
    PROBES,
    WEIGHTS,
    Run,
    RunError,
    _examples,
    list_broken,
    list_runs,
    open_run,
    runs_root,
)
from tests.old_run import to_schema_1


@pytest.fixture
def copied(tiny_run: Run, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_run.path, tmp_path / "runs" / "copied")


def test_the_examples_have_labels_sides_and_file_facts(tiny_run: Run, tiny_folder: Path):
    examples, names = tiny_run.examples(), tiny_run.manifest.class_names
    assert len(examples.names("train")) == 48
    assert len(examples.names("valid")) == 12
    assert examples.skipped == ()
    assert set(examples.labels) == {*examples.names("train"), *examples.names("valid")}
    assert all(names[label] == file.split("_")[0] for file, label in examples.labels.items())
    assert [file for file, held in examples.sides.items() if held] == list(examples.names("valid"))
    for row in examples.table.to_pylist():
        facts = (tiny_folder / row["name"]).stat()
        assert (row["size"], row["modified_ns"]) == (facts.st_size, facts.st_mtime_ns)
    assert tiny_run.examples() is examples  # read once


def test_a_run_of_schema_1_opens_as_it_is(tiny_run: Run, copied: Path):
    manifest = (to_schema_1(copied) / MANIFEST).read_bytes()
    run = open_run(copied)
    assert run.manifest.counts == tiny_run.manifest.counts
    assert run.examples().labels == tiny_run.examples().labels
    assert run.examples().sides == tiny_run.examples().sides
    pd.testing.assert_frame_equal(run.predictions(), tiny_run.predictions())
    old, new = open_predictions(run), open_predictions(tiny_run)
    assert old.page(Browse(correct=True), 0, 12) == new.page(Browse(correct=True), 0, 12)
    name = new.page(Browse(correct=True), 5, 6)[0]["path"]
    np.testing.assert_array_equal(old.probabilities(name), new.probabilities(name))
    assert list_runs(copied.parent) == [run]
    assert (copied / MANIFEST).read_bytes() == manifest


def test_a_folder_without_a_run_is_refused(tmp_path: Path):
    with pytest.raises(RunError, match=r"holds no run: manifest\.json is missing"):
        open_run(tmp_path)


@pytest.mark.parametrize("name", [WEIGHTS, EXAMPLES, PREDICTIONS, PROBES])
def test_an_incomplete_run_is_refused(copied: Path, name: str):
    (copied / name).unlink()
    with pytest.raises(RunError, match=f"lacks {name}. Fit it again"):
        open_run(copied)


def test_runs_are_listed_newest_first_and_the_others_apart(copied: Path):
    root = copied.parent
    for name, created in (("a", "2026-01-02T00:00:00+00:00"), ("b", "2026-01-03T00:00:00+00:00")):
        path = shutil.copytree(copied, root / name)
        run = open_run(path)
        (path / MANIFEST).write_text(replace(run.manifest, created=created).to_json())
    shutil.copytree(copied, root / ".new-under-way")
    (root / "broken").mkdir()
    (root / "file").write_text("")
    (root / ".a.lock").write_text("")
    assert [run.name for run in list_runs(root)][-2:] == ["b", "a"]
    assert {run.name for run in list_runs(root)} == {"a", "b", "copied"}
    assert [path.name for path, _ in list_broken(root)] == ["broken"]


@pytest.mark.parametrize("look", [list_runs, lambda root: [open_run(root / "copied")]])
def test_a_run_that_a_killed_fit_moved_aside_is_restored_and_said_so(
    copied: Path, look: Callable[[Path], list[Run]], caplog: pytest.LogCaptureFixture
):
    copied.rename(copied.parent / ".old-copied")
    assert [run.path for run in look(copied.parent)] == [copied]
    assert "The run copied is back" in caplog.text


def test_the_default_root_lies_in_the_home_folder(own_home: Path, tiny_run: Run):
    assert runs_root() == own_home / "runs"
    assert tiny_run.path in [run.path for run in list_runs()]


def test_predictions_that_cannot_be_read_name_the_command(copied: Path):
    run = open_run(copied)
    (copied / PREDICTIONS).write_bytes(b"PAR1 broken")
    with pytest.raises(RunError, match="python -m analysis evaluate --run"):
        run.predictions()
    (copied / PREDICTIONS).unlink()
    with pytest.raises(RunError, match="cannot be read"):
        run.predictions()


def test_every_damaged_file_is_refused_with_its_cure(copied: Path):
    from analysis.learner.images.store import load
    from analysis.learner.probes.files import probes_of

    run = open_run(copied)
    evaluate, fit = f"evaluate --run {copied} --force", f"fit --source folder .* --run {copied} --force"
    users = {
        WEIGHTS: (lambda: load(run, "cpu"), fit),
        PREDICTIONS: (run.predictions, evaluate),
        EXAMPLES: (lambda: _examples.cache_clear() or run.examples(), fit),
        PROBES: (lambda: probes_of(run), fit),
    }
    for name, (use, cure) in users.items():
        use()
        data = (copied / name).read_bytes()
        # in the middle of the numbers: the file can still be read as what it is
        place = data.index(b"sea_") if name in (PREDICTIONS, EXAMPLES) else len(data) - 1
        (copied / name).write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(RunError, match=f"{name} was changed since .* sha256 does not match.*{cure}"):
            use()
        (copied / name).unlink()
        with pytest.raises(RunError, match=f"cannot be read.*{cure}"):
            use()


def test_an_image_name_cannot_lead_out_of_its_folder(tiny_run: Run, tiny_folder: Path):
    assert tiny_run.image_path("sea_1.png") == tiny_folder / "sea_1.png"
    assert tiny_run.image_path("a/b.png") == tiny_folder / "a" / "b.png"
    for name in ("../secret.png", "/etc/passwd", "a/../../b"):
        with pytest.raises(RunError, match="not a file name"):
            tiny_run.image_path(name)
