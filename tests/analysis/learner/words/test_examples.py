"""The texts of a run in their source: the same ones as at the fit, or a message that says what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.learner.words.examples import missing, state, text_recipe, texts_of
from analysis.progress import ProgressEvent
from analysis.runs import Run, RunError


@pytest.fixture
def reviews(tiny_reviews: Path, tmp_path: Path) -> Path:
    """A copy of the reviews, which a test may change."""
    path = tmp_path / "reviews.csv"
    path.write_bytes(tiny_reviews.read_bytes())
    return path


@pytest.fixture
def copied(tiny_words_run: Run, reviews: Path) -> Run:
    """The tiny run of words, whose recipe names the copy."""
    recipe = replace(tiny_words_run.manifest.recipe, path=str(reviews))
    return replace(tiny_words_run, manifest=replace(tiny_words_run.manifest, recipe=recipe))


def test_only_a_run_of_words_has_a_recipe_of_words(tiny_run: Run, tiny_words_run: Run) -> None:
    assert text_recipe(tiny_words_run) is tiny_words_run.manifest.recipe
    with pytest.raises(RunError, match=f"{tiny_run.name} is a run of images, not of words"):
        text_recipe(tiny_run)


def test_the_texts_are_those_of_the_predictions(tiny_words_run: Run) -> None:
    events: list[ProgressEvent] = []
    data = texts_of(tiny_words_run, events.append)
    texts = dict(zip(data.files, data.texts, strict=True))
    table = tiny_words_run.predictions(["path", "text"])
    assert [texts[file] for file in table["path"]] == table["text"].tolist()
    assert set(texts) == set(tiny_words_run.examples().labels)


def test_a_copy_at_another_place_has_the_same_state(copied: Run, tiny_words_run: Run) -> None:
    assert state(copied) == state(tiny_words_run) == {"data": tiny_words_run.manifest.fingerprint}


def test_changed_texts_are_refused_with_what_to_do(copied: Run, reviews: Path) -> None:
    reviews.write_text(reviews.read_text(encoding="utf-8").replace("dull", "fine"), encoding="utf-8")
    for read in (texts_of, state):
        with pytest.raises(RunError, match="are not those that .* was fitted on. Put the file back, or fit again"):
            read(copied)


def test_texts_that_are_gone_are_named_and_none_is_missing_alone(copied: Run, reviews: Path) -> None:
    reviews.unlink()
    with pytest.raises(RunError, match=f"The texts of {copied.name} are no longer there: .*does not exist"):
        texts_of(copied)
    assert missing(copied, ["row/1"]) == []
