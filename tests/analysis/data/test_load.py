"""Labelled images and texts from any source, through one function for each kind."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from analysis.data.demo import dataset as demo
from analysis.data.demo.plan import DemoParameters
from analysis.data.demo.truth import read_truth
from analysis.data.labelled import DataError
from analysis.data.load import load_images
from analysis.progress import ProgressEvent


@pytest.fixture
def small_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo with few pictures, in a home of its own."""
    few = DemoParameters(n_train=8, n_valid=4)
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    monkeypatch.setattr(demo, "demo_folder", partial(demo.demo_folder, parameters=few))
    monkeypatch.setattr(demo, "make_demo", partial(demo.make_demo, parameters=few, workers=1))


@pytest.mark.usefixtures("small_demo")
def test_the_demo_is_drawn_with_its_own_split(tmp_path: Path):
    events: list[ProgressEvent] = []
    images = load_images("demo", "species", report=events.append)
    assert tmp_path in images.root.parents
    assert (len(images.files), sum(images.valid)) == (12, 4)
    truth = read_truth(images.root.parent)
    for file, label, held in zip(images.files, images.labels, images.valid, strict=True):
        assert (images.root / file).is_file()
        assert label == (truth[file].species == "cat")
        assert held == (truth[file].split == "valid")
    assert {event.stage for event in events} == {"data"}
    assert events[-1].message == "Drawing picture 12 of 12"
    assert events[-1].fraction == 1.0
    assert load_images("demo", "species") == images
    assert load_images("demo", "breeds").vocabulary() == sorted({row.breed for row in truth.values()})


def test_a_folder_and_the_pets_are_passed_on(tiny_folder: Path, pets_cache: Path):
    assert load_images("folder", "folder", tiny_folder, seed=3).source == "folder"
    assert load_images("pets", "breeds", seed=3).task == "breeds"


def test_a_folder_needs_its_path():
    with pytest.raises(DataError, match="needs the path of a folder"):
        load_images("folder", "folder")
