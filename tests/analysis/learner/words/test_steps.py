"""From a text recipe to a run: the same idea of a run as for images."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from fastai.data.external import fastai_cfg
from sklearn.linear_model import LogisticRegression

from analysis.commands.cli import main
from analysis.data.load import load_texts
from analysis.fitting.fit import fit
from analysis.learner.probes.files import load_probes
from analysis.learner.words import steps as word_steps
from analysis.learner.words.store import load_text, pooled_features
from analysis.progress import ProgressEvent
from analysis.runs import MANIFEST, TOKENS, Run, RunError, check_digest, list_runs, open_run
from analysis.sweeps import evaluation
from analysis.sweeps.evaluation import evaluate
from tests.old_run import to_schema_1
from tests.tiny import REPOSITORY, tiny_words_recipe, write_reviews


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training fails the test."""
    monkeypatch.setattr(word_steps, "train_text", lambda *args: pytest.fail("it trained again"))


def test_a_run_is_complete_and_its_digests_hold(tiny_words_run: Run):
    manifest = tiny_words_run.manifest
    for name in manifest.files:
        check_digest(tiny_words_run, name, "")
    assert {path.name for path in tiny_words_run.path.iterdir()} == {MANIFEST, *manifest.files}
    assert TOKENS in manifest.files
    assert manifest.kind == "words"
    assert manifest.class_names == ("negative", "positive")
    assert manifest.counts["valid"] == len(tiny_words_run.predictions()) == 12
    assert [row["epoch"] for row in manifest.history] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert all(row.keys() >= {"train_loss", "valid_loss", "error_rate", "seconds"} for row in manifest.history)
    assert open_run(tiny_words_run.path) == tiny_words_run
    table = tiny_words_run.predictions()
    assert list(table.columns) == [
        "path", "label", "predicted", "confidence", "probability_of_label", "loss", "margin", "entropy", "split",
        "probabilities", "text",
    ]  # fmt: skip


def test_both_kinds_are_listed_and_each_alone(
    tiny_words_run: Run, tiny_run: Run, capsys: pytest.CaptureFixture[str]
):
    everything = list_runs()
    assert tiny_words_run in everything
    assert tiny_run in everything
    assert tiny_run not in list_runs(kind="words")
    assert tiny_words_run not in list_runs(kind="images")
    assert main(["runs"]) == 0
    out = capsys.readouterr().out
    assert f"{tiny_words_run.name}  words  " in out
    assert f"{tiny_run.name}  images  " in out


def test_the_probes_belong_to_the_saved_network(tiny_words_run: Run):
    probes = load_probes(tiny_words_run.path)
    assert list(probes) == ["embedding", "blocks.0", "blocks.1"]
    loaded, examples = load_text(tiny_words_run, "cpu"), tiny_words_run.examples()
    train, valid = (pooled_features(loaded, examples.names(part), lambda n: None) for part in ("train", "valid"))
    answers = {part: [examples.labels[file] for file in examples.names(part)] for part in ("train", "valid")}
    for layer, probe in probes.items():
        mean, std = train[layer].mean(axis=0), train[layer].std(axis=0)
        std[std == 0] = 1
        own = LogisticRegression(max_iter=500).fit((train[layer] - mean) / std, answers["train"])
        expected = own.predict_proba((valid[layer] - mean) / std)[:, 1]
        logits = probe.logits(valid[layer])
        np.testing.assert_allclose(1 / (1 + np.exp(logits[:, 0] - logits[:, 1])), expected, atol=0.02)
        assert probe.accuracy == pytest.approx((logits.argmax(axis=1) == answers["valid"]).mean())


@pytest.mark.usefixtures("no_training")
def test_the_same_recipe_on_the_same_texts_is_not_trained_again(tiny_words_run: Run):
    assert fit(tiny_words_run.manifest.recipe) == tiny_words_run


def test_the_progress_is_one_of_the_whole_job_and_a_fit_gives_the_same_weights_again(
    tiny_words_run: Run, tmp_path: Path
):
    events: list[ProgressEvent] = []
    again = fit(tiny_words_run.manifest.recipe, tmp_path / "run", events.append)
    stages = list(dict.fromkeys(event.stage for event in events))
    assert stages == ["data", "weights", "train", "save", "evaluate", "probes", "done"]
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert again.manifest.files["weights.safetensors"] == tiny_words_run.manifest.files["weights.safetensors"]
    assert again.manifest.files[TOKENS] == tiny_words_run.manifest.files[TOKENS]


def test_changed_texts_make_another_run_and_the_old_one_is_never_evaluated_on_them(tmp_path: Path):
    path = write_reviews(tmp_path / "reviews.csv", 40)
    recipe = tiny_words_recipe(path, epochs=1)
    first = fit(recipe, tmp_path / "run")
    header, second_row, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, "a dull new one,negative", *rows]) + "\n")
    with pytest.raises(RunError, match="are not those that run was fitted on"):
        evaluate(first)
    second = fit(recipe, tmp_path / "run")
    assert open_run(tmp_path / "run") == first
    assert second.name == "run-2"
    assert "The reviews in " in second.manifest.notes[0]
    texts = dict(zip(first.predictions()["path"], first.predictions()["text"], strict=True))
    gone = [text for text in texts.values() if text in second_row]
    kept = set(texts.values()) - set(gone)
    assert kept <= set(second.predictions()["text"])
    assert (
        f"{len(kept)} of the earlier run's {len(texts)} validation reviews are still there; "
        in (second.manifest.notes[0])
    )
    assert f"{len(kept)} of them are validation reviews again" in second.manifest.notes[0]
    assert fit(recipe, tmp_path / "run") == second


def test_a_run_of_schema_1_that_was_split_otherwise_is_evaluated_and_rewritten(tmp_path: Path):
    path = write_reviews(tmp_path / "reviews.csv", 40)
    run = fit(tiny_words_recipe(path, epochs=1), tmp_path / "run")
    values = json.loads((to_schema_1(run.path) / MANIFEST).read_text())
    moved = values["split"]["train"][:3]
    values["split"] = {"train": values["split"]["train"][3:], "valid": [*values["split"]["valid"], *moved]}
    data = load_texts("table", "table", path)
    sides = tuple(name in values["split"]["valid"] for name in data.files)
    values["fingerprint"] = replace(data, valid=sides).fingerprint()
    (run.path / MANIFEST).write_text(json.dumps(values))
    old = open_run(run.path)
    new = evaluate(old)
    assert new.manifest.schema == 2
    assert set(new.predictions()["path"]) == set(values["split"]["valid"])
    assert evaluate(new) == new


def test_an_evaluation_is_kept_until_it_is_forced(
    tiny_words_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = open_run(shutil.copytree(tiny_words_run.path, tmp_path / "run"))
    calls: list[int] = []
    predict = evaluation.predict
    monkeypatch.setattr(evaluation, "predict", lambda *args: calls.append(1) or predict(*args))
    assert evaluate(run) == run
    assert calls == []
    again = evaluate(run, force=True)
    assert calls == [1]
    assert again.predictions().equals(run.predictions())


@pytest.mark.usefixtures("no_training")
def test_a_run_of_images_is_not_replaced_by_one_of_words(tiny_run: Run, tiny_reviews: Path, tmp_path: Path):
    path = shutil.copytree(tiny_run.path, tmp_path / "run")
    with pytest.raises(RunError, match="holds a run of another recipe"):
        fit(tiny_words_recipe(tiny_reviews), path)


def test_copies_and_empty_rows_are_told_in_the_manifest(tmp_path: Path):
    path = write_reviews(tmp_path / "reviews.csv", 30)
    with path.open("a") as file:
        file.write(path.read_text().splitlines()[1] + "\n,positive\n")
    events: list[ProgressEvent] = []
    run = fit(tiny_words_recipe(path, epochs=1), tmp_path / "run", events.append)
    assert sorted(reason.split(":")[0] for _, reason in run.examples().skipped)[-1] == "no text"
    assert len(run.examples().skipped) == 2
    assert any("30 texts. Left out: 1 × no text; 1 × " in event.message for event in events)


def test_awd_lstm_from_scratch_says_why(
    tiny_reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def unreachable(*args: object, **kwargs: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr("fastcore.net.urlopen", unreachable)
    monkeypatch.setenv("FASTAI_HOME", str(tmp_path / "fastai"))
    fastai_cfg.cache_clear()
    words = ["fit", "--source", "table", "--path", str(tiny_reviews), "--arch", "awd_lstm", "--epochs", "1"]
    words += ["--batch-size", "16", "--max-tokens", "90", "--run", str(tmp_path / "run")]
    assert main(words) == 0
    fastai_cfg.cache_clear()
    run = open_run(tmp_path / "run")
    assert run.manifest.recipe.pretrained is False
    assert "Trained from scratch, not from pretrained weights. The weights of fastai's" in run.manifest.notes[0]
    assert "note: Trained from scratch" in capsys.readouterr().out
    assert load_probes(run.path) == {}
    table = run.predictions()
    loaded = load_text(run, "cpu")
    logits = loaded.model(loaded.batch([loaded.view(text) for text in table["text"]]))
    np.testing.assert_allclose(
        logits.detach().double().softmax(1).numpy(), np.stack(table["probabilities"]), atol=1e-5
    )
    for text in ("", "<br />", "!!!", "很好", "dull " * 1000):
        assert np.isfinite(loaded.model(loaded.batch([loaded.view(text)])).detach().numpy()).all()


def test_a_killed_fit_leaves_nothing_that_breaks_the_next(tiny_reviews: Path, tmp_path: Path):
    recipe = tiny_words_recipe(tiny_reviews, epochs=60)
    target = tmp_path / "runs" / "killed"
    command = [
        sys.executable,
        "-m",
        "analysis",
        "fit",
        *recipe.options(),
        "--progress",
        "json",
        "--run",
        str(target),
    ]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["stage"] == "train":
            process.kill()
            break
    process.wait(30)
    process.stdout.close()
    assert not target.exists()
    run = fit(replace(recipe, epochs=1), target)
    assert list_runs(target.parent) == [run]
