"""A text run brought back: the same answers, its texts, and what has changed since."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.learner.images.store import load
from analysis.learner.words.store import WordLearner, load_text, pooled_features
from analysis.learner.words.wordcnn import WordCNN
from analysis.progress import ProgressEvent
from analysis.runs import TOKENS, WEIGHTS, Run, RunError

ODD = ["", "<br />", "!!!", "👍🏽", "很好看的电影", "dull " * 100_000, "dull", "nothing known here qqq"]


@pytest.fixture(scope="module")
def loaded(tiny_words_run: Run) -> WordLearner:
    return load_text(tiny_words_run, "cpu")


def test_the_predictions_are_those_of_the_network_one_text_at_a_time(tiny_words_run: Run, loaded: WordLearner):
    table = tiny_words_run.predictions()
    for row in table.itertuples():
        with torch.no_grad():
            logits = loaded.model(loaded.batch([loaded.view(row.text)]))[0].double()
        np.testing.assert_allclose(logits.softmax(0).numpy(), row.probabilities, atol=1e-5)
        assert row.predicted == tiny_words_run.manifest.class_names[int(logits.argmax())]
        answer = tiny_words_run.manifest.class_names.index(row.label)
        assert row.loss == pytest.approx(-logits.log_softmax(0)[answer].item(), abs=1e-4)


def test_it_learned_something(tiny_words_run: Run):
    table = tiny_words_run.predictions()
    assert (table["label"] == table["predicted"]).mean() > 0.7


def test_any_text_can_be_asked_for_alone_or_in_a_batch(loaded: WordLearner):
    encodings = [loaded.view(text) for text in ODD]
    assert isinstance(loaded.model, WordCNN)
    with torch.no_grad():
        together = loaded.model(loaded.batch(encodings))
        alone = torch.cat([loaded.model(loaded.batch([encoding])) for encoding in encodings])
        cam = torch.einsum("ck,bkl->bcl", loaded.model.head.weight, loaded.model.features(loaded.batch(encodings)))
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(together[0], loaded.model.head.bias)
    counts = torch.tensor([len(encoding) for encoding in encodings])
    means = cam.sum(dim=2) / counts.clamp(min=1)[:, None]
    torch.testing.assert_close(means + loaded.model.head.bias, together)
    assert encodings[5].left_out == 100_000 - 30


def test_the_texts_come_from_the_source_again(tiny_words_run: Run, loaded: WordLearner):
    texts = loaded.texts()
    assert set(texts) == set(tiny_words_run.examples().labels)
    table = tiny_words_run.predictions()
    assert [texts[file] for file in table["path"]] == table["text"].tolist()
    assert table["path"].tolist() == list(tiny_words_run.examples().names("valid"))


def test_changed_or_missing_texts_are_refused(tiny_words_run: Run, tiny_reviews: Path, tmp_path: Path):
    other = tmp_path / "reviews.csv"
    other.write_text(tiny_reviews.read_text().replace("dull", "fine"))
    recipe = replace(tiny_words_run.manifest.recipe, path=str(other))
    run = replace(tiny_words_run, manifest=replace(tiny_words_run.manifest, recipe=recipe))
    with pytest.raises(RunError, match="are not those that .* was fitted on. Put the file back, or fit again"):
        load_text(run, "cpu").texts()
    other.unlink()
    with pytest.raises(RunError, match="are no longer there: .*reviews.csv does not exist"):
        load_text(run, "cpu").texts()
    assert load_text(run, "cpu").view("dull").ids[0] > 1  # a text typed in needs none of them


@pytest.mark.parametrize("name", [WEIGHTS, TOKENS])
def test_changed_files_are_refused(name: str, tiny_words_run: Run, tmp_path: Path):
    run = replace(tiny_words_run, path=Path(shutil.copytree(tiny_words_run.path, tmp_path / "run")))
    with (run.path / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(RunError, match=f"{name} was changed since it was written.*Train it again"):
        load_text(run, "cpu")


def test_a_run_of_another_kind_is_refused(tiny_words_run: Run, tiny_run: Run):
    with pytest.raises(RunError, match="is a run of words, not of images"):
        load(tiny_words_run)
    with pytest.raises(RunError, match="is a run of images, not of words"):
        load_text(tiny_run)


def test_the_probes_learn_from_the_mean_over_the_words(loaded: WordLearner):
    files = list(loaded.run.examples().labels)[:9]
    events: list[ProgressEvent] = []
    features = pooled_features(loaded, files, events.append)
    assert list(features) == ["embedding", "blocks.0", "blocks.1"]
    assert (events[-1].stage, events[-1].fraction) == ("probes", 1.0)
    for row, file in enumerate(files):
        ids = loaded.batch([loaded.view(loaded.texts()[file])])
        with torch.no_grad():
            embedded = loaded.model.embedding(ids)[0].mean(dim=0)
            last = loaded.model.features(ids)[0].mean(dim=1)
        np.testing.assert_allclose(features["embedding"][row], embedded, atol=1e-6)
        np.testing.assert_allclose(features["blocks.1"][row], last, atol=1e-6)
