"""The pictures of a run on the disk: which are missing, and what tells that one has changed."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.learner.images.examples import image_recipe, missing, state
from analysis.runs import Run, RunError


@pytest.fixture
def copied(tiny_run: Run, tmp_path: Path) -> Run:
    """The tiny run with a copy of its pictures, which a test may change."""
    folder = shutil.copytree(tiny_run.manifest.data_root, tmp_path / "pictures")
    return replace(tiny_run, manifest=replace(tiny_run.manifest, data_root=str(folder)))


def test_only_a_run_of_pictures_has_a_recipe_of_pictures(tiny_run: Run, tiny_words_run: Run) -> None:
    assert image_recipe(tiny_run) is tiny_run.manifest.recipe
    with pytest.raises(RunError, match=f"{tiny_words_run.name} is a run of words, not of images"):
        image_recipe(tiny_words_run)


def test_the_missing_pictures_are_named_in_the_order_of_the_question(copied: Run) -> None:
    first, second, third, *_ = copied.examples().labels
    assert missing(copied, [first, second, third]) == []
    for file in (first, third):
        copied.image_path(file).unlink()
    copied.image_path(third).mkdir()  # a folder is no picture
    assert missing(copied, [third, second, first]) == [third, first]


def test_the_data_of_an_unchanged_run_are_those_of_its_fit(copied: Run, tiny_run: Run) -> None:
    assert state(copied)["data"] == tiny_run.manifest.fingerprint
    assert state(copied) == state(copied)


@pytest.mark.parametrize(("part", "counts"), [("valid", True), ("train", False)])
def test_a_later_time_counts_for_validation_pictures_only(copied: Run, part: str, counts: bool) -> None:
    before = state(copied)
    path = copied.image_path(copied.examples().names(part)[-1])
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert state(copied)["data"] == before["data"]
    assert (state(copied)["times"] != before["times"]) is counts


def test_another_size_and_a_missing_picture_change_the_data(copied: Run) -> None:
    before = state(copied)
    path = copied.image_path(copied.examples().names("train")[0])
    path.write_bytes(path.read_bytes() + b" ")
    longer = state(copied)
    path.unlink()
    assert len({before["data"], longer["data"], state(copied)["data"]}) == 3


def test_a_missing_validation_picture_is_a_state_of_its_own(copied: Run) -> None:
    before = state(copied)
    copied.image_path(copied.examples().names("valid")[0]).unlink()
    after = state(copied)
    assert after["data"] != before["data"]
    assert after["times"] != before["times"]
