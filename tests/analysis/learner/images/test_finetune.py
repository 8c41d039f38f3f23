"""Fine-tuning: the heads, the progress, what learns and what stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fastai.learner import Learner
from fastai.vision.learner import vision_learner
from torch import nn
from torchvision import models

from analysis.data.folder import load_folder
from analysis.data.images import ImageError
from analysis.data.load import load_images
from analysis.data.source import LabelledImages
from analysis.learner.images import finetune
from analysis.learner.images.dataloaders import items, make_dataloaders
from analysis.learner.images.finetune import TrainingError, build_learner, train
from analysis.learner.images.weights import load_lite, statistics
from analysis.progress import ProgressEvent
from analysis.recipes.images import ImageRecipe
from tests.tiny import draw_pictures, tiny_recipe

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def images(tiny_folder: Path) -> LabelledImages:
    return load_folder(tiny_folder)


def learner(recipe: ImageRecipe, images: LabelledImages) -> Learner:
    dls = make_dataloaders(
        items(images, False), items(images, True), images.vocabulary(), recipe.size, statistics(recipe.arch), CPU
    )
    return build_learner(recipe, dls, recipe.pretrained)


@pytest.mark.parametrize("arch", ["resnet18", "efficientnet_lite0"])
def test_the_linear_head_is_average_pool_batchnorm_linear(images: LabelledImages, tiny_folder: Path, arch: str):
    head = learner(tiny_recipe(tiny_folder, arch=arch, head="linear"), images).model[1]
    kinds = [type(module) for module in head.modules() if not list(module.children())]
    assert [kind.__name__ for kind in kinds] == [
        "AdaptiveAvgPool2d", "Flatten", "BatchNorm1d", "Dropout", "Linear",
    ]  # fmt: skip
    linear = [module for module in head.modules() if isinstance(module, nn.Linear)]
    assert len(linear) == 1
    assert linear[0].bias is None
    assert linear[0].out_features == 2


def test_the_book_head_is_fastais_own(images: LabelledImages, tiny_folder: Path):
    learn = learner(tiny_recipe(tiny_folder, head="book"), images)
    own = vision_learner(learn.dls, models.resnet18, pretrained=False)
    assert str(learn.model[1]) == str(own.model[1])
    assert learn.model[1][-1].weight.shape == (2, 512)


def test_progress_counts_every_batch_and_ends_at_one(images: LabelledImages, tiny_folder: Path):
    events: list[ProgressEvent] = []
    recipe = tiny_recipe(tiny_folder, epochs=2)
    _, history = train(recipe, images, CPU, events.append)
    trained = [event for event in events if event.stage == "train"]
    assert events[0].stage == "weights"
    # 48 training images in batches of 16, 12 to validate in one
    assert len(trained) == 3 * (3 + 1)
    assert [event.epoch for event in trained] == sorted(event.epoch or 0 for event in trained)
    assert {event.epochs for event in trained} == {3}
    fractions = [event.fraction for event in trained]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    assert trained[0].message.startswith("Epoch 1 of 3, batch 1 of 3, loss ")
    assert [row["phase"] for row in history] == ["frozen", "full", "full"]
    assert {"epoch", "train_loss", "valid_loss", "error_rate", "seconds"} <= set(history[0])


def test_the_same_recipe_gives_the_same_weights(images: LabelledImages, tiny_folder: Path):
    recipe = tiny_recipe(tiny_folder)
    first, second = (train(recipe, images, CPU)[0].model.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = train(replace(recipe, seed=22), images, CPU)[0].model.state_dict()
    assert not torch.equal(first["0.0.weight"], other["0.0.weight"])


def test_pretrained_statistics_stay_while_the_weights_learn(images: LabelledImages, tiny_folder: Path):
    recipe = tiny_recipe(tiny_folder, arch="efficientnet_lite0", pretrained=True, train_bn=False)
    learn, _ = train(recipe, images, CPU)
    original = learner(recipe, images).model[0].model
    load_lite(original)
    before, after = original.state_dict(), learn.model[0].model.state_dict()
    kept = [name for name in before if "running_" in name or "num_batches" in name]
    assert len(kept) == 3 * 49
    assert all(torch.equal(before[name], after[name]) for name in kept)
    assert not torch.equal(before["bn2.weight"], after["bn2.weight"])
    assert not torch.equal(before["conv_head.weight"], after["conv_head.weight"])
    moved, _ = train(replace(recipe, train_bn=True), images, CPU)
    assert not torch.equal(before["bn2.running_mean"], moved.model[0].model.state_dict()["bn2.running_mean"])


def test_too_few_images_and_a_broken_training_are_reported(
    images: LabelledImages, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    none_held = replace(images, valid=(False,) * len(images.files))
    with pytest.raises(TrainingError, match="60 training and 0 validation images are too few"):
        train(tiny_recipe(tiny_folder), none_held, CPU)

    def diverge(learn: Learner, *args: object, **kwargs: object) -> None:
        nn.init.constant_(learn.model[0][0].weight, float("nan"))

    monkeypatch.setattr(Learner, "fine_tune", diverge)
    with pytest.raises(TrainingError, match="diverged"):
        train(tiny_recipe(tiny_folder), images, CPU)


def test_a_damaged_image_is_named_in_one_line_also_by_a_loader_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = draw_pictures(tmp_path / "pictures", 20)
    images = load_folder(folder)
    (folder / images.files[images.valid.index(False)]).write_bytes(b"damaged since")
    for workers in (0, 2):
        monkeypatch.setattr(finetune, "loader_workers", lambda device, workers=workers: workers)
        with pytest.raises(ImageError) as raised:
            train(tiny_recipe(folder), images, CPU)
        assert str(raised.value).startswith(f"{images.files[images.valid.index(False)]} is not an image")
        assert "\n" not in str(raised.value)


def subset(images: LabelledImages, a_class: int) -> LabelledImages:
    """The first photos of each class."""
    places: dict[object, list[int]] = {}
    for place, label in enumerate(images.labels):
        places.setdefault(label, []).append(place)
    chosen = sorted(place for of_class in places.values() for place in of_class[:a_class])
    return replace(
        images,
        files=tuple(images.files[place] for place in chosen),
        labels=tuple(images.labels[place] for place in chosen),
        valid=tuple(images.valid[place] for place in chosen),
    )


def test_efficientnet_lite_tells_real_cats_from_dogs(pets_cache: Path):
    photos = subset(load_images("pets", "species"), 150)
    recipe = ImageRecipe.for_source("pets", arch="efficientnet_lite0", size=128, batch_size=32)
    _, history = train(recipe, photos)
    assert history[-1]["error_rate"] < 0.1


def test_a_resnet34_from_scratch_learns_on_the_breeds(pets_cache: Path):
    photos = subset(load_images("pets", "breeds"), 3)
    recipe = ImageRecipe.for_source("pets", task="breeds", pretrained=False, size=64, batch_size=32)
    learn, history = train(recipe, photos)
    assert len(learn.dls.vocab) == 37
    assert [module.out_features for module in learn.model[1].modules() if isinstance(module, nn.Linear)] == [37]
    assert history[0]["train_loss"] > 3  # chance is log 37 = 3.6
