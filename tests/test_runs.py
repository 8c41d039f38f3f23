"""Reading run folders."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.runs import (
    ACTIVATIONS,
    MANIFEST,
    PREDICTIONS,
    PROBES,
    WEIGHTS,
    Manifest,
    Run,
    RunError,
    list_broken,
    list_runs,
    open_run,
    runs_root,
)


@pytest.fixture
def copied(tiny_run: Run, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_run.path, tmp_path / "runs" / "copied")


def test_a_manifest_survives_json(tiny_run: Run):
    manifest = replace(tiny_run.manifest, vocabulary=(False, True), skipped=(("a.jpg", "broken"),))
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_the_manifest_says_what_the_run_was_made_from(tiny_run: Run, tiny_folder: Path):
    manifest = tiny_run.manifest
    assert manifest.schema == 1
    assert manifest.vocabulary == manifest.class_names == ("sand", "sea")
    assert Path(manifest.data_root) == tiny_folder
    assert len(manifest.split["train"]) == 48
    assert len(manifest.split["valid"]) == 12
    assert set(manifest.labels) == {*manifest.split["train"], *manifest.split["valid"]}
    assert all(manifest.class_names[index] == file.split("_")[0] for file, index in manifest.labels.items())
    assert set(manifest.files) == {WEIGHTS, PREDICTIONS, PROBES, ACTIVATIONS}
    assert {"torch", "fastai", "timm"} <= set(manifest.versions)
    assert [row["phase"] for row in manifest.history] == ["frozen", "full"]
    assert manifest.normalize[0] == pytest.approx((0.485, 0.456, 0.406))


def test_a_folder_without_a_run_is_refused(tmp_path: Path):
    with pytest.raises(RunError, match=r"holds no run: manifest\.json is missing"):
        open_run(tmp_path)


@pytest.mark.parametrize("name", [WEIGHTS, PREDICTIONS, PROBES])
def test_an_incomplete_run_is_refused(copied: Path, name: str):
    (copied / name).unlink()
    with pytest.raises(RunError, match=f"lacks {name}. Fit it again"):
        open_run(copied)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"schema": 1}'])
def test_a_broken_manifest_is_refused(copied: Path, text: str):
    (copied / MANIFEST).write_text(text)
    with pytest.raises(RunError, match="cannot be read"):
        open_run(copied)


def test_a_manifest_that_is_no_text_is_refused(copied: Path):
    (copied / MANIFEST).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RunError, match="cannot be read"):
        open_run(copied)


def test_another_layout_is_named(copied: Path):
    values = json.loads((copied / MANIFEST).read_text())
    (copied / MANIFEST).write_text(json.dumps({**values, "schema": 2}))
    with pytest.raises(RunError, match="layout 2, not 1"):
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
    from analysis.explain.probe import probes_of
    from analysis.learner.store import load

    run = open_run(copied)
    evaluate, fit = f"evaluate --run {copied} --force", f"fit --source folder .* --run {copied} --force"
    users = {
        WEIGHTS: (lambda: load(run, "cpu"), fit),
        PREDICTIONS: (run.predictions, evaluate),
        PROBES: (lambda: probes_of(run), fit),
    }
    for name, (use, cure) in users.items():
        use()
        data = (copied / name).read_bytes()
        # in the middle of the numbers: the file can still be read as what it is
        place = len(data) - 1 if name != PREDICTIONS else data.index(b"sea_")
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
