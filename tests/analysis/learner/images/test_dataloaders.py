"""The pipeline from a file to what the network gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fastai.data.transforms import Normalize
from fastai.vision.augment import Resize
from fastai.vision.core import imagenet_stats
from fastai.vision.data import ImageDataLoaders
from PIL import Image

from analysis.data.images import ImageError
from analysis.learner.images.dataloaders import Item, make_dataloaders, picture

STATISTICS = tuple(map(tuple, imagenet_stats))
CPU = torch.device("cpu")


def label(path: Path) -> str:
    return path.stem.split("_")[0]


def as_items(paths: list[Path]) -> list[Item]:
    return [Item(path, label(path)) for path in paths]


def test_validation_batches_are_bitwise_those_of_the_books_dataloaders(tiny_folder: Path):
    paths = sorted(tiny_folder.iterdir())
    books = ImageDataLoaders.from_path_func(
        tiny_folder, paths, label, valid_pct=0.2, seed=5, item_tfms=Resize(48),
        batch_tfms=Normalize.from_stats(*imagenet_stats), num_workers=0, device=CPU,
    )  # fmt: skip
    ours = make_dataloaders(
        as_items(list(books.train_ds.items)), as_items(list(books.valid_ds.items)), ["sand", "sea"], 48,
        STATISTICS, CPU,
    )  # fmt: skip
    (x, y), (book_x, book_y) = ours.valid.one_batch(), books.valid.one_batch()
    assert torch.equal(x, book_x)
    assert torch.equal(y, book_y)
    assert list(ours.vocab) == list(books.vocab)


def test_training_crops_are_random_and_nothing_else_is_changed(tmp_path: Path):
    # the columns count from 0 to 63: a crop shows where it was taken
    wide = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None], (32, 64, 3))
    Image.fromarray(np.ascontiguousarray(wide)).save(tmp_path / "a.png")
    items = [Item(tmp_path / "a.png", "a")] * 16
    dls = make_dataloaders(items, items, ["a", "b"], 32, ((0.0,) * 3, (1.0,) * 3), CPU)
    train = dls.train.one_batch()[0][:, 0, 0, 0] * 255
    valid = dls.valid.one_batch()[0][:, 0, 0, 0] * 255
    assert len(set(train.round().int().tolist())) > 4
    assert valid.round().int().unique().tolist() == [16]
    x = dls.train.one_batch()[0]
    assert torch.allclose((x[..., 1:] - x[..., :-1]) * 255, torch.ones(1), atol=1e-3)  # no flip, no warp


def test_the_vocabulary_does_not_depend_on_the_split(tiny_folder: Path):
    paths = sorted(tiny_folder.iterdir())
    one_class = [path for path in paths if label(path) == "sea"]
    dls = make_dataloaders(as_items(one_class), as_items(paths[:4]), ["sand", "sea"], 32, STATISTICS, CPU)
    assert list(dls.vocab) == ["sand", "sea"]
    assert dls.train.one_batch()[1].unique().tolist() == [1]


def test_few_images_make_one_batch(tiny_folder: Path):
    items = as_items(sorted(tiny_folder.iterdir())[:5])
    dls = make_dataloaders(items, items, ["sand", "sea"], 32, STATISTICS, CPU, batch_size=64)
    assert len(dls.train) == 1


def test_a_decoded_image_is_not_changed_by_its_use():
    image = Image.new("RGB", (8, 8))
    assert picture(Item(image, None)) is not image
    assert type(image) is Image.Image


def test_a_missing_file_names_itself(tmp_path: Path):
    with pytest.raises(ImageError, match=r"gone\.jpg does not exist"):
        picture(Item(tmp_path / "gone.jpg", None))
