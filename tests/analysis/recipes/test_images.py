"""Recipes of image classifiers: defaults, refusals, names."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from analysis.recipes.base import RecipeError
from analysis.recipes.images import ImageRecipe


def test_the_defaults_of_each_source():
    demo, pets = ImageRecipe.for_source("demo"), ImageRecipe.for_source("pets")
    assert (demo.arch, demo.size, demo.task, demo.head, demo.pretrained) == (
        "efficientnet_lite0", 224, "species", "linear", True,
    )  # fmt: skip
    # the chapter's: resnet34 at 224 pixels, fine_tune(1) with what fastai does when nothing is said
    assert (pets.arch, pets.size, pets.epochs, pets.freeze_epochs, pets.seed, pets.base_lr, pets.train_bn) == (
        "resnet34", 224, 1, 1, 21, 2e-3, True,
    )  # fmt: skip
    assert ImageRecipe.for_source("folder", path="/x").task == "folder"


def test_the_packaged_weights_keep_their_statistics_in_every_source():
    assert ImageRecipe.for_source("pets", arch="efficientnet_lite0").train_bn is False
    scratch = ImageRecipe.for_source("pets", arch="efficientnet_lite0", pretrained=False)
    assert (scratch.train_bn, scratch.base_lr) == (True, 2e-3)
    assert ImageRecipe.for_source("demo", base_lr=0.05).base_lr == 0.05


def test_changes_that_are_none_are_ignored_and_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert ImageRecipe.for_source("pets", size=None) == ImageRecipe.for_source("pets")
    assert ImageRecipe.for_source("folder", path="mine").path == str(tmp_path / "mine")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "web"}, "source is 'web'; possible here: demo, pets, folder"),
        ({"task": "folder"}, "task is 'folder'; possible here: species, breeds"),
        ({"arch": "vgg"}, "arch is 'vgg'"),
        ({"head": "big"}, "possible here: linear, book"),
        ({"path": "/x"}, "only with it"),
        ({"source": "folder", "task": "folder"}, "goes with the source 'folder'"),
        ({"size": 8}, "32 to 1024"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"batch_size": 1}, "at least 2"),
        ({"seed": -1}, "seed is -1; give a whole number from 0 to 4294967295"),
        ({"seed": 2**32}, "seed is 4294967296"),
        ({"base_lr": 0.0}, "between 0 and 1"),
        ({"pretrained": False}, "train_bn must be true"),
    ],
)
def test_what_is_not_possible_is_refused(changes: dict[str, object], message: str):
    with pytest.raises(RecipeError, match=message):
        ImageRecipe(**changes)


def test_an_unknown_source_has_no_defaults():
    with pytest.raises(RecipeError, match="possible here: demo, pets, folder"):
        ImageRecipe.for_source("web")


def test_every_field_makes_another_folder_name():
    base = ImageRecipe.for_source("pets")
    other = {
        "source": "demo", "task": "breeds", "arch": "resnet18", "head": "book", "size": 160, "epochs": 2,
        "freeze_epochs": 0, "seed": 1, "batch_size": 32, "pretrained": False, "base_lr": 0.1, "train_bn": False,
    }  # fmt: skip
    names = {replace(base, **{key: value}).run_name() for key, value in other.items()}
    names |= {base.run_name(), ImageRecipe.for_source("folder", path="/a").run_name()}
    assert len(names) == len(fields(ImageRecipe)) + 1


def test_names_are_readable_and_safe():
    assert ImageRecipe.for_source("pets").run_name().startswith("pets-species-resnet34-linear-224px-")
    name = ImageRecipe.for_source("folder", path="/home/me/My photos (2024)!").run_name()
    assert name.startswith("folder-My-photos-2024-resnet34-linear-224px-")
