"""From a recipe to a run, whatever happens on the way."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.commands.cli import main
from analysis.data.load import load_images
from analysis.data.source import LabelledImages
from analysis.fitting import fit as fit_module
from analysis.fitting.fit import fit
from analysis.learner.images import steps as image_steps
from analysis.learner.probes.files import load_probes
from analysis.progress import ProgressEvent
from analysis.recipes.images import Recipe
from analysis.runs import MANIFEST, Run, RunError, check_digest, list_broken, list_runs, open_run
from tests.old_run import to_schema_1
from tests.tiny import REPOSITORY, draw_pictures, fit_command, tiny_recipe


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training fails the test."""
    monkeypatch.setattr(image_steps, "train", lambda *args: pytest.fail("it trained again"))


def test_a_run_is_complete_and_its_digests_hold(tiny_run: Run):
    for name in tiny_run.manifest.files:
        check_digest(tiny_run, name, "")
    assert len(tiny_run.predictions()) == 12
    probes = load_probes(tiny_run.path)
    assert len(probes) >= 4
    assert all(probe.weight.shape[0] == 2 and 0 <= probe.accuracy <= 1 for probe in probes.values())
    assert tiny_run.name == tiny_run.manifest.recipe.run_name()
    assert {path.name for path in tiny_run.path.iterdir()} == {MANIFEST, *tiny_run.manifest.files}


def test_the_probes_belong_to_the_saved_network_and_the_training_images(tiny_run: Run):
    """The last stage's probe, fitted anew from features that are pooled here by hand."""
    import torch
    from sklearn.linear_model import LogisticRegression

    from analysis.data.images import open_image
    from analysis.learner.images.store import load

    loaded = load(tiny_run, "cpu")
    name, probe = list(load_probes(tiny_run.path).items())[-1]
    features, answers = {}, {}
    for part in ("train", "valid"):
        files = tiny_run.examples().names(part)
        with torch.no_grad():
            maps = loaded.model[0](loaded.batch([open_image(tiny_run.image_path(file)) for file in files]))
        features[part] = maps.mean(dim=(2, 3)).numpy()
        answers[part] = np.array([tiny_run.examples().labels[file] for file in files])
    assert name == "0.7"
    mean, std = features["train"].mean(axis=0), features["train"].std(axis=0)
    std[std == 0] = 1
    own = LogisticRegression(max_iter=500).fit((features["train"] - mean) / std, answers["train"])
    expected = own.predict_proba((features["valid"] - mean) / std)[:, 1]
    logits = probe.logits(features["valid"])
    np.testing.assert_allclose(1 / (1 + np.exp(logits[:, 0] - logits[:, 1])), expected, atol=0.02)
    assert probe.accuracy == pytest.approx((logits.argmax(axis=1) == answers["valid"]).mean())


@pytest.mark.usefixtures("no_training")
def test_the_same_recipe_on_the_same_images_is_not_trained_again(tiny_run: Run):
    events: list[ProgressEvent] = []
    again = fit(tiny_run.manifest.recipe, report=events.append)
    assert again == tiny_run
    assert events[-1].stage == "done"
    assert events[-1].fraction == 1.0


def test_the_progress_is_one_of_the_whole_job(tiny_folder: Path, tmp_path: Path):
    events: list[ProgressEvent] = []
    fit(tiny_recipe(tiny_folder), tmp_path / "run", events.append)
    stages = list(dict.fromkeys(event.stage for event in events))
    assert stages == ["data", "weights", "train", "save", "evaluate", "probes", "done"]
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0.0
    assert fractions[-1] == 1.0


def test_the_time_left_of_the_training_does_not_count_how_long_the_data_took(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def slowly(*args: Any) -> LabelledImages:
        time.sleep(2.1)
        return load_images(*args)

    monkeypatch.setattr(image_steps, "load_images", slowly)
    events: list[ProgressEvent] = []
    fit(tiny_recipe(tiny_folder), tmp_path / "run", events.append)
    assert next(event for event in events if event.stage == "weights").seconds_left is None


def test_changed_images_make_another_run_and_the_old_one_stays(tmp_path: Path):
    folder = draw_pictures(tmp_path / "pictures", 30)
    recipe = tiny_recipe(folder)
    first = fit(recipe, tmp_path / "run")
    (folder / "sea_1.png").unlink()
    shutil.copy(folder / "sea_3.png", folder / "sea_99.png")
    events: list[ProgressEvent] = []
    second = fit(recipe, tmp_path / "run", events.append)
    assert open_run(tmp_path / "run") == first
    assert second.name == "run-2"
    assert "sea_1.png" not in second.examples().labels
    (note,) = second.manifest.notes
    assert "no longer those of the run run (1 new, 1 gone, 0 of another size)" in note
    assert "That run stays as it is; the new one is run-2" in note
    assert note in [event.message for event in events]
    sides, now = first.examples().sides, second.examples().sides
    both = sides.keys() & now.keys()
    assert len(both) == 29
    assert {name: sides[name] for name in both} == {name: now[name] for name in both}
    assert fit(recipe, tmp_path / "run") == second
    (folder / "sea_99.png").unlink()
    (folder / "sea_97.png").write_bytes((folder / "sea_3.png").read_bytes())
    third = fit(recipe, tmp_path / "run")
    assert third.name == "run-3"
    assert "no longer those of the run run-2" in third.manifest.notes[0]


def test_a_numbered_folder_of_somebody_else_is_passed_over(tmp_path: Path):
    folder = draw_pictures(tmp_path / "pictures", 20)
    fit(tiny_recipe(folder), tmp_path / "run")
    (tmp_path / "run-2").mkdir()
    (tmp_path / "run-2" / "thesis.tex").write_text("years of work")
    (folder / "sea_1.png").unlink()
    assert fit(tiny_recipe(folder), tmp_path / "run").name == "run-3"
    assert [path.name for path in (tmp_path / "run-2").iterdir()] == ["thesis.tex"]


def test_the_command_says_why_there_is_another_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = draw_pictures(tmp_path / "pictures", 20)
    words = [*fit_command(folder, tmp_path / "run")[3:]]
    words[words.index("json")] = "text"
    assert main(words) == 0
    assert "note:" not in capsys.readouterr().out
    (folder / "sea_1.png").unlink()
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "note: The pictures in " in said
    assert "run-2" in said


def test_force_trains_in_any_case_and_replaces_the_run_it_names(tmp_path: Path):
    folder = draw_pictures(tmp_path / "pictures", 20)
    first = fit(tiny_recipe(folder), tmp_path / "run")
    stamp = (first.path / MANIFEST).stat().st_mtime_ns
    second = fit(tiny_recipe(folder), tmp_path / "run", force=True)
    assert second.path == first.path
    assert (second.path / MANIFEST).stat().st_mtime_ns > stamp
    assert second.manifest.files["weights.safetensors"] == first.manifest.files["weights.safetensors"]
    assert not (tmp_path / "run-2").exists()


@pytest.mark.usefixtures("no_training")
def test_a_run_of_schema_1_is_known_again_though_it_was_split_otherwise(tiny_run: Run, tmp_path: Path):
    path = to_schema_1(shutil.copytree(tiny_run.path, tmp_path / "run"))
    values = json.loads((path / MANIFEST).read_text())
    moved = values["split"]["train"].pop()
    values["split"]["valid"].append(moved)
    data = load_images("folder", "folder", tiny_run.manifest.data_root)
    sides = [file in values["split"]["valid"] for file in data.files]
    values["fingerprint"] = replace(data, valid=tuple(sides)).fingerprint()
    (path / MANIFEST).write_text(json.dumps(values))
    assert fit(tiny_run.manifest.recipe, path) == open_run(path)


@pytest.mark.usefixtures("no_training")
def test_what_must_not_be_replaced_is_refused(tiny_run: Run, tiny_folder: Path, tmp_path: Path):
    path = shutil.copytree(tiny_run.path, tmp_path / "run")
    other = replace(tiny_run.manifest.recipe, epochs=3)
    with pytest.raises(RunError, match="holds a run of another recipe"):
        fit(other, path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    for force in (False, True):
        with pytest.raises(RunError, match="holds other files and no run"):
            fit(other, tmp_path / "mine", force=force)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file; name a folder"):
        fit(other, tmp_path / "file", force=True)
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_a_damaged_run_is_replaced_by_force_only(tiny_run: Run, tmp_path: Path):
    path = shutil.copytree(tiny_run.path, tmp_path / "run")
    (path / "predictions.parquet").unlink()
    (path / ".predictions.parquet.4711").write_text("of a killed writer")
    with pytest.raises(RunError, match=r"holds a damaged run .* lacks predictions.parquet.*--force"):
        fit(tiny_run.manifest.recipe, path)
    assert fit(tiny_run.manifest.recipe, path, force=True).predictions().shape[0] == 12


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"schema": 1}', '{"name": "extension", "version": "1"}'])
def test_another_programs_manifest_does_not_make_a_folder_ours(text: str, tiny_folder: Path, tmp_path: Path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / MANIFEST).write_text(text)
    for force in (False, True):
        with pytest.raises(RunError, match="may be another program's. Name another folder"):
            fit(tiny_recipe(tiny_folder), tmp_path / "other", force=force)
    assert (tmp_path / "other" / MANIFEST).read_text() == text


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("damaged", [False, True])
def test_a_users_own_file_in_a_run_folder_is_not_removed(damaged: bool, tiny_run: Run, tmp_path: Path):
    path = shutil.copytree(tiny_run.path, tmp_path / "run")
    (path / "notes.txt").write_text("years of work")
    if damaged:
        (path / "predictions.parquet").unlink()
    with pytest.raises(RunError, match="also holds notes.txt, which a new run would remove"):
        fit(tiny_run.manifest.recipe, path, force=True)
    assert (path / "notes.txt").exists()


def test_a_failed_fit_leaves_nothing_beside_the_run(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*args: object) -> None:
        raise RunError("no space")

    monkeypatch.setattr(fit_module, "save_weights", fail)
    with pytest.raises(RunError, match="no space"):
        fit(tiny_recipe(tiny_folder), tmp_path / "runs" / "run")
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize("stage", ["train", "evaluate", "probes"])
def test_a_killed_fit_leaves_nothing_that_breaks_the_next(
    stage: str, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    target = tmp_path / "runs" / "killed"
    process = subprocess.Popen(fit_command(tiny_folder, target), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["stage"] == stage:
            process.kill()
            break
    process.wait(30)
    process.stdout.close()
    assert process.returncode == -9
    assert not target.exists()
    assert list_runs(target.parent) == list_broken(target.parent) == []
    left = {path.name for path in target.parent.iterdir()}
    assert left >= ({".killed.lock"} if stage == "train" else {".killed.lock", ".new-killed"})
    run = fit(tiny_recipe(tiny_folder), target)
    assert {path.name for path in target.parent.iterdir()} - {".killed.lock"} == {"killed"}
    assert list_runs(target.parent) == [run]


def test_two_fits_of_one_run_train_once(tiny_folder: Path, tmp_path: Path):
    target = tmp_path / "run"
    both = [
        subprocess.Popen(fit_command(tiny_folder, target), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [[json.loads(line) for line in process.communicate(timeout=120)[0].splitlines()] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(any(event["stage"] == "train" for event in events) for events in said) == [False, True]
    waited = next(events for events in said if not any(event["stage"] == "train" for event in events))
    assert waited[0]["message"].startswith("Another process is fitting run")


def test_real_breeds_with_the_books_head(pets_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    everything = load_images("pets", "breeds")
    places = [place for place in range(len(everything.files)) if place % 8 == 0]

    def some(*args: object) -> LabelledImages:
        return replace(
            everything,
            files=tuple(everything.files[place] for place in places),
            labels=tuple(everything.labels[place] for place in places),
            valid=tuple(everything.valid[place] for place in places),
        )

    monkeypatch.setattr(image_steps, "load_images", some)
    recipe = Recipe.for_source("pets", task="breeds", head="book", pretrained=False, size=64)
    run = fit(recipe, tmp_path / "run")
    table = run.predictions()
    assert len(table) == sum(everything.valid[place] for place in places)
    assert set(table["predicted"]) <= set(run.manifest.class_names)
    assert len(table["probabilities"][0]) == len(run.manifest.class_names) > 20
    assert open_run(run.path) == run
