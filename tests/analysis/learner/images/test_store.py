"""A learner kept and brought back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fastai.vision.augment import Resize
from fastai.vision.core import PILImage
from PIL import Image
from safetensors.torch import load_file

from analysis.data.folder import load_folder
from analysis.data.images import ImageError, open_image
from analysis.learner.images.dataloaders import items, make_dataloaders
from analysis.learner.images.finetune import train
from analysis.learner.images.store import ImageLearner, load
from analysis.learner.weights_file import save_weights
from analysis.recipes.images import ImageRecipe
from analysis.runs import WEIGHTS, Run, RunError, open_run


@pytest.fixture(scope="module")
def loaded(tiny_run: Run) -> ImageLearner:
    return load(tiny_run, "cpu")


@pytest.fixture
def copied(tiny_run: Run, tmp_path: Path) -> Run:
    """The tiny run, to be spoilt."""
    return open_run(shutil.copytree(tiny_run.path, tmp_path / "run"))


@pytest.mark.parametrize(("arch", "head"), [("resnet18", "book"), ("efficientnet_lite0", "linear")])
def test_what_is_saved_comes_back_bit_by_bit(
    tiny_run: Run, tiny_folder: Path, tmp_path: Path, arch: str, head: str
):
    recipe = replace(tiny_run.manifest.recipe, arch=arch, head=head)
    learn, _ = train(recipe, load_folder(tiny_folder), torch.device("cpu"))
    digest = save_weights(learn.model, tmp_path)
    manifest = replace(tiny_run.manifest, recipe=recipe, files={WEIGHTS: digest})
    back = load(Run(tmp_path, manifest), "cpu")
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(back.model(x), learn.model(x))
    assert not back.model.training
    assert all(value.dtype in (torch.float32, torch.int64) for value in load_file(tmp_path / WEIGHTS).values())


def test_a_batch_is_bitwise_what_the_validation_loader_yields(loaded: ImageLearner, tiny_folder: Path):
    manifest = loaded.run.manifest
    images = load_folder(tiny_folder)
    dls = make_dataloaders(
        items(images, False), items(images, True), images.vocabulary(), 64, manifest.normalize, loaded.device
    )
    expected = dls.valid.one_batch()[0]
    x = loaded.batch([open_image(loaded.run.image_path(file)) for file in loaded.run.examples().names("valid")])
    assert type(x) is torch.Tensor
    assert x.shape == (12, 3, 64, 64)
    assert torch.equal(x, expected)


def test_a_batch_leaves_the_callers_image_alone(loaded: ImageLearner):
    image = Image.new("RGB", (80, 70), "red")
    loaded.batch([image])
    assert type(image) is Image.Image
    assert image.size == (80, 70)


def test_another_input_size_is_possible(loaded: ImageLearner):
    image = Image.new("RGB", (300, 200))
    assert loaded.batch([image, image], size=96).shape == (2, 3, 96, 96)
    assert loaded.batch([image]).shape == (1, 3, 64, 64)  # the override does not stick


def test_a_picture_is_exactly_what_was_resized(loaded: ImageLearner):
    noise = np.random.default_rng(0).integers(0, 256, (90, 130, 3), dtype=np.uint8)
    resized = Resize(64)(PILImage.create(noise), split_idx=1)
    x = loaded.batch([Image.fromarray(noise)])
    pictures = loaded.picture(x)
    assert pictures.dtype == np.uint8
    assert np.array_equal(pictures[0], resized)
    # fastai's own decode agrees but for its truncation
    decoded = np.asarray(loaded.learn.dls.decode((x,))[0][0]).transpose(1, 2, 0)
    assert np.abs(decoded.astype(int) - pictures[0]).max() <= 1


def test_a_mask_is_cropped_and_resized_as_its_photo(loaded: ImageLearner):
    # 64 x 128 to 32: columns 32 to 96 are seen, every second pixel
    mask = np.random.default_rng(0).random((32, 64)) < 0.5
    mask = mask.repeat(2, axis=0).repeat(2, axis=1)
    seen = loaded.mask_view(mask, size=32)
    assert seen.dtype == bool
    assert np.array_equal(seen, mask[:, 32:96][::2, ::2])
    assert all(np.array_equal(loaded.mask_view(mask, size=32), seen) for _ in range(5))
    photo = Image.fromarray((mask * 255).astype(np.uint8)).convert("RGB")
    drawn = loaded.picture(loaded.batch([photo], size=32))[0, :, :, 0]
    assert np.array_equal(drawn > 127, seen)


def test_the_runs_size_is_the_default_of_a_view(loaded: ImageLearner):
    assert loaded.mask_view(np.ones((10, 20), bool)).shape == (64, 64)


def test_weights_that_were_changed_are_refused(copied: Run):
    path = copied.path / WEIGHTS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(
        RunError,
        match=r"sha256 does not match\. Train it again: python -m analysis fit --source .* --force",
    ):
        load(copied, "cpu")
    load(copied, "cpu", verify=False)


def test_weights_that_do_not_fit_are_refused(copied: Run):
    other = replace(copied.manifest, recipe=replace(copied.manifest.recipe, arch="resnet34"))
    with pytest.raises(RunError, match="does not fit the recipe"):
        load(Run(copied.path, other), "cpu")
    (copied.path / WEIGHTS).write_bytes(b"\x80\x04pickle")
    with pytest.raises(RunError, match="does not fit the recipe"):
        load(copied, "cpu", verify=False)
    (copied.path / WEIGHTS).unlink()
    with pytest.raises(RunError, match="cannot be read"):
        load(copied, "cpu")


def test_a_learner_loads_without_its_photos(copied: Run, tmp_path: Path):
    away = Run(copied.path, replace(copied.manifest, data_root=str(tmp_path / "gone")))
    back = load(away, "cpu")
    assert back.batch([Image.new("RGB", (64, 64))]).shape == (1, 3, 64, 64)
    with pytest.raises(ImageError, match=r"sand_0\.png does not exist"):
        back.batch([open_image(away.image_path("sand_0.png"))])


def test_items_know_their_labels_and_strangers_are_refused(loaded: ImageLearner):
    assert loaded.item("sea_1.png").label == "sea"
    with pytest.raises(RunError, match="'other.png' is not an image of the run"):
        loaded.item("other.png")


def test_loading_keeps_the_species_vocabulary_of_booleans(tiny_run: Run, tmp_path: Path):
    shutil.copy(tiny_run.path / WEIGHTS, tmp_path)
    recipe = ImageRecipe.for_source("pets", arch="resnet18", pretrained=False, size=64)
    manifest = replace(tiny_run.manifest, recipe=recipe, vocabulary=(False, True), class_names=("dog", "cat"))
    assert list(load(Run(tmp_path, manifest), "cpu").learn.dls.vocab) == [False, True]
