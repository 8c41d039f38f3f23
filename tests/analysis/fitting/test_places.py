"""Where a run on changed data goes, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from analysis.data.load import load_images, load_texts
from analysis.fitting.places import changes_since, is_of, occupied, places, run_of
from analysis.learner.images.steps import ImageSteps
from analysis.learner.words.steps import WordSteps
from analysis.runs import Run


def test_names_are_numbered_from_2():
    assert [place.name for place in islice(places(Path("/runs/mine")), 3)] == ["mine", "mine-2", "mine-3"]


def test_what_is_occupied(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    assert [occupied(tmp_path / name) for name in ("nothing", "empty", "file", "")] == [False, False, True, True]


def test_a_run_is_known_by_its_recipe(tiny_run: Run, tmp_path: Path):
    recipe = tiny_run.manifest.recipe
    assert run_of(tiny_run.path, recipe) == tiny_run
    assert run_of(tiny_run.path, replace(recipe, epochs=7)) is None
    assert run_of(tmp_path, recipe) is None


def test_the_same_data_are_known_whatever_their_split(tiny_run: Run):
    data = load_images("folder", "folder", tiny_run.manifest.data_root)
    assert is_of(tiny_run, data)
    assert is_of(tiny_run, replace(data, valid=tuple(not held for held in data.valid)))
    assert not is_of(tiny_run, replace(data, labels=data.labels[::-1]))
    fewer = {name: getattr(data, name)[1:] for name in ("files", "labels", "valid")}
    assert not is_of(tiny_run, replace(data, **fewer))


@pytest.mark.parametrize("gone", ["train", "valid"])
def test_what_changed_among_images_is_counted(tiny_run: Run, gone: str):
    data = load_images("folder", "folder", tiny_run.manifest.data_root)
    lost = tiny_run.examples().names(gone)[0]
    kept = [place for place, file in enumerate(data.files) if file != lost]
    fewer = {name: tuple(getattr(data, name)[place] for place in kept) for name in ("files", "labels", "valid")}
    said = changes_since(ImageSteps(tiny_run.manifest.recipe), tiny_run, replace(data, **fewer), "mine-2")
    assert "(0 new, 1 gone, 0 of another size)" in said
    assert f"{tiny_run.name} (" in said
    assert "the new one is mine-2" in said
    left = 11 if gone == "valid" else 12
    assert f"{left} of the earlier run's 12 validation pictures are still there; {left} of them are" in said


def test_texts_are_known_by_their_words(tiny_words_run: Run):
    data = load_texts("table", "table", tiny_words_run.manifest.recipe.path)
    shifted = replace(data, files=tuple(f"row/{place + 1:05}" for place in range(len(data.files))))
    said = changes_since(WordSteps(tiny_words_run.manifest.recipe), tiny_words_run, shifted, "mine-2")
    assert "(60 then, 60 now)" in said
    assert (
        "12 of the earlier run's 12 validation reviews are still there; 12 of them are validation reviews" in said
    )
