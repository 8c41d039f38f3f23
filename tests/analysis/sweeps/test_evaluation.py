"""The predictions table, against fastai's own interpretation of the same learner."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from fastai.interpret import ClassificationInterpretation
from scipy.stats import entropy

from analysis.commands.cli import main
from analysis.learner.images.store import ImageLearner, load
from analysis.manifest import write_manifest
from analysis.predictions import open_predictions
from analysis.progress import ProgressEvent
from analysis.runs import EXAMPLES, PREDICTIONS, WEIGHTS, Run, RunError, open_run, sha256
from analysis.sweeps import evaluation
from analysis.sweeps.evaluation import evaluate, missing_examples, predict
from analysis.writer import run_writer
from tests.old_run import to_schema_1
from tests.tiny import draw_pictures


@pytest.fixture(scope="module")
def loaded(tiny_run: Run) -> ImageLearner:
    return load(tiny_run, "cpu")


@pytest.fixture
def copied(tiny_run: Run, tmp_path: Path) -> Run:
    """The tiny run with photos of its own, to be spoilt."""
    path = shutil.copytree(tiny_run.path, tmp_path / "run")
    root = draw_pictures(tmp_path / "pictures")
    for file in tiny_run.examples().labels:
        shutil.copystat(tiny_run.image_path(file), root / file)
    write_manifest(replace(tiny_run.manifest, data_root=str(root)), path)
    return open_run(path)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one entry at each pass over the validation set."""
    calls: list[int] = []

    def counted(loaded: ImageLearner, files: tuple[str, ...], report: object) -> pd.DataFrame:
        calls.append(len(files))
        return predict(loaded, files)

    monkeypatch.setattr(evaluation, "predict", counted)
    return calls


def test_it_agrees_with_fastais_interpretation(tiny_run: Run, loaded: ImageLearner):
    table = tiny_run.predictions()
    items = [loaded.item(file) for file in tiny_run.examples().names("valid")]
    fastai = ClassificationInterpretation.from_learner(loaded.learn, dl=loaded.dataloader(items, 5))
    probabilities, targets = loaded.learn.get_preds(dl=fastai.dl)
    names = list(tiny_run.manifest.class_names)
    np.testing.assert_allclose(table["loss"], fastai.losses, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.stack(table["probabilities"]), probabilities, rtol=1e-5, atol=1e-7)
    assert table["label"].tolist() == [names[i] for i in targets]
    assert table["predicted"].tolist() == [names[i] for i in probabilities.argmax(dim=1)]
    confusion = open_predictions(tiny_run).confusion()
    assert np.array_equal(confusion, fastai.confusion_matrix())
    assert confusion.sum() == 12


def test_the_columns_are_those_of_the_contract(tiny_run: Run):
    table = tiny_run.predictions()
    assert list(table.columns) == [
        "path", "label", "predicted", "confidence", "probability_of_label", "loss", "margin", "entropy", "split",
        "probabilities",
    ]  # fmt: skip
    assert table["path"].tolist() == list(tiny_run.examples().names("valid"))
    assert set(table["split"]) == {"valid"}
    assert table["label"].tolist() == [path.split("_")[0] for path in table["path"]]


def test_the_columns_follow_from_the_probabilities(tiny_run: Run):
    table = tiny_run.predictions()
    probabilities = np.stack(table["probabilities"]).astype(np.float64)
    ordered = np.sort(probabilities, axis=1)
    names = list(tiny_run.manifest.class_names)
    of_label = probabilities[np.arange(12), [names.index(label) for label in table["label"]]]
    np.testing.assert_allclose(table["confidence"], ordered[:, -1], rtol=1e-6)
    np.testing.assert_allclose(table["margin"], ordered[:, -1] - ordered[:, -2], atol=1e-7)
    np.testing.assert_allclose(table["entropy"], entropy(probabilities, axis=1), rtol=1e-5)
    np.testing.assert_allclose(table["probability_of_label"], of_label, rtol=1e-6)
    np.testing.assert_allclose(table["loss"], -np.log(of_label), rtol=1e-5)


def test_training_images_can_be_predicted_too(tiny_run: Run, loaded: ImageLearner):
    files = [tiny_run.examples().names("train")[0], tiny_run.examples().names("valid")[0]]
    table = predict(loaded, files)
    assert table["path"].tolist() == files
    assert table["split"].tolist() == ["train", "valid"]


def test_the_pass_changes_neither_mode_nor_weights(loaded: ImageLearner, tiny_run: Run):
    before = {name: value.clone() for name, value in loaded.model.state_dict().items()}
    loaded.model.train()
    try:
        predict(loaded, tiny_run.examples().names("valid"))
        assert loaded.model.training
    finally:
        loaded.model.eval()
    assert all(torch.equal(before[name], value) for name, value in loaded.model.state_dict().items())


def test_nothing_is_computed_while_weights_and_images_are_the_same(
    tiny_run: Run, copied: Run, computed: list[int]
):
    assert evaluate(copied) == copied
    assert computed == []
    again = evaluate(copied, force=True)
    assert computed == [12]
    assert again.manifest.files[PREDICTIONS] == sha256(copied.path / PREDICTIONS)
    pd.testing.assert_frame_equal(again.predictions(), tiny_run.predictions())


def test_changed_weights_or_images_are_predicted_anew(copied: Run, loaded: ImageLearner, computed: list[int]):
    image = copied.image_path(copied.examples().names("valid")[0])
    image.write_bytes(image.read_bytes() + b"\0")
    run = evaluate(copied)
    assert computed == [12]
    assert evaluate(run) == run
    assert computed == [12]
    other = Run(run.path, replace(run.manifest, files={**run.manifest.files, WEIGHTS: "another"}))
    write_manifest(other.manifest, other.path)
    evaluate(other, ImageLearner(other, loaded.learn))
    assert computed == [12, 12]


def test_other_pixels_in_as_many_bytes_are_predicted_anew_and_not_trained_anew(copied: Run, computed: list[int]):
    file = copied.examples().names("valid")[0]
    image = copied.image_path(file)
    data, before = image.read_bytes(), image.stat().st_mtime_ns
    image.write_bytes(data[:-1] + b"\0")
    os.utime(image, ns=(before + 1_000_000_000, before + 1_000_000_000))
    run = evaluate(copied)
    assert computed == [12]
    assert run.manifest.fingerprint == copied.manifest.fingerprint
    training = copied.image_path(copied.examples().names("train")[0])
    os.utime(training, ns=(before + 1_000_000_000, before + 1_000_000_000))
    assert evaluate(run) == run
    assert computed == [12]


def test_a_table_that_was_tampered_with_is_made_again_not_signed(copied: Run, computed: list[int]):
    path = copied.path / PREDICTIONS
    data = path.read_bytes()
    place = data.index(b"sea_")
    path.write_bytes(data[:place] + b"SEA_" + data[place + 4 :])
    assert len(evaluate(copied).predictions()) == 12
    assert computed == [12]


def test_an_evaluation_waits_for_the_writer_and_goes_by_the_manifest_it_leaves(copied: Run):
    said: list[str] = []
    waits, results = threading.Event(), []

    def report(event: ProgressEvent) -> None:
        said.append(event.message)
        waits.set()

    thread = threading.Thread(target=lambda: results.append(evaluate(copied, report=report)))
    with run_writer(copied.path, lambda: pytest.fail("nobody else writes")):
        thread.start()
        assert waits.wait(10)
        newer = replace(copied.manifest, device="another machine")
        write_manifest(newer, copied.path)
    thread.join(60)
    assert said[0] == "Another process is writing run; waiting for it"
    assert results[0].manifest.device == open_run(copied.path).manifest.device == "another machine"


def test_a_lost_or_broken_table_is_made_again_and_its_digest_kept(copied: Run, computed: list[int]):
    (copied.path / PREDICTIONS).write_bytes(b"PAR1")
    run = evaluate(copied)
    assert computed == [12]
    (copied.path / PREDICTIONS).unlink()
    evaluate(run)
    assert computed == [12, 12]
    assert len(open_run(copied.path).predictions()) == 12
    assert open_run(copied.path).manifest.files[PREDICTIONS] == sha256(copied.path / PREDICTIONS)
    assert not list(copied.path.glob(".*"))


def test_missing_photos_are_named_and_left_out(copied: Run, capsys: pytest.CaptureFixture[str]):
    files = copied.examples().names("valid")
    gone = [files[3], files[7]]
    for file in gone:
        copied.image_path(file).unlink()
    events: list[ProgressEvent] = []
    run = evaluate(copied, report=events.append)
    assert f"2 of 12 validation pictures of {run.name} are missing" in events[0].message
    assert all(file in events[0].message for file in gone)
    assert run.predictions()["path"].tolist() == [file for file in files if file not in gone]
    assert run.manifest.results["missing"] == 2
    assert missing_examples(run) == gone
    assert evaluate(run) == run
    assert main(["evaluate", "--run", str(copied.path)]) == 0
    said = capsys.readouterr().out
    assert all(file in said for file in gone)
    assert "on 10 validation pictures" in said


def test_photos_that_are_back_are_predicted_again(copied: Run):
    file = copied.examples().names("valid")[3]
    data = copied.image_path(file).read_bytes()
    copied.image_path(file).unlink()
    run = evaluate(copied)
    copied.image_path(file).write_bytes(data)
    run = evaluate(run)
    assert (len(run.predictions()), run.manifest.results["missing"]) == (12, 0)


def test_a_run_whose_photos_are_all_gone_is_refused(copied: Run):
    for file in copied.examples().names("valid"):
        copied.image_path(file).unlink()
    with pytest.raises(RunError, match=r"All 12 validation pictures .* are missing .* Put the folder back"):
        evaluate(copied, force=True)


def test_a_run_of_schema_1_is_rewritten_by_an_evaluation(copied: Run, computed: list[int]):
    run = open_run(to_schema_1(copied.path))
    new = evaluate(run)
    assert computed == [12]
    assert (run.manifest.schema, new.manifest.schema) == (1, 2)
    assert open_run(copied.path) == new
    assert new.examples().labels == run.examples().labels
    assert new.manifest.files[EXAMPLES] == sha256(copied.path / EXAMPLES)
    field = pq.read_schema(copied.path / PREDICTIONS).field("probabilities")
    assert field.type == pa.list_(pa.float32(), 2)
    assert evaluate(new) == new
    assert computed == [12]


def test_progress_reaches_the_end(tiny_run: Run, loaded: ImageLearner):
    events: list[ProgressEvent] = []
    predict(loaded, tiny_run.examples().names("train") * 2, events.append)
    assert [(event.stage, event.batch, event.batches) for event in events] == [
        ("evaluate", 0, 2),
        ("evaluate", 1, 2),
        ("evaluate", 2, 2),
    ]
    assert events[-1].fraction == 1.0
