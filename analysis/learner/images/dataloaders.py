"""fastai DataLoaders for labelled images: the book's pipeline, with safe decoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from fastai.data.block import CategoryBlock, DataBlock, TransformBlock
from fastai.data.core import DataLoaders
from fastai.data.transforms import IndexSplitter, IntToFloatTensor, Normalize, ToTensor
from fastai.vision.augment import Resize
from fastai.vision.core import PILImage
from PIL import Image

from analysis.data.images import ImageError, open_image
from analysis.data.source import LabelledImages

Statistics = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Item:
    """One image, as a file or already decoded, and its label in fastai's vocabulary."""

    source: Path | Image.Image
    label: Any


def picture(item: Item) -> PILImage:
    """Decode an item as `PILImage.create` does, but rotated as EXIF says; raises ImageError."""
    # fastai changes the class of Pillow's image in place: give it a copy
    image = item.source.convert("RGB") if isinstance(item.source, Image.Image) else open_image(item.source)
    return PILImage.create(image)


@contextmanager
def plain_image_errors() -> Iterator[None]:
    """Shorten an ImageError from a loader's process, to whose message torch adds the whole traceback."""
    try:
        yield
    except ImageError as error:
        raise ImageError(str(error).rsplit("ImageError: ", 1)[-1].strip()) from error


def label(item: Item) -> Any:
    """Return an item's label."""
    return item.label


def make_dataloaders(
    train: Sequence[Item],
    valid: Sequence[Item],
    vocabulary: Sequence[Any],
    size: int,
    normalize: Statistics,
    device: torch.device,
    batch_size: int = 64,
    workers: int = 0,
) -> DataLoaders:
    """Return DataLoaders with `Resize(size)` for each item and normalisation for each batch.

    As in the book, training images are cropped to a square at a random place along their longer side, and
    validation images in the middle.

    Parameters
    ----------
    vocabulary : all labels; it is not collected from the training items, so that the order of the classes does
        not depend on the split
    size : height and width of the batches, in pixels
    normalize : mean and standard deviation for each channel, of pixels 0 to 1
    workers : number of processes that decode images; 0 is this process
    """
    block = DataBlock(
        blocks=(TransformBlock(type_tfms=picture, batch_tfms=IntToFloatTensor), CategoryBlock(list(vocabulary))),
        get_items=list,
        get_y=label,
        splitter=IndexSplitter(range(len(train), len(train) + len(valid))),
        item_tfms=[Resize(size), ToTensor],
        batch_tfms=Normalize.from_stats(*normalize, cuda=device.type == "cuda"),
    )
    bs = min(batch_size, len(train))
    return block.dataloaders([*train, *valid], bs=bs, num_workers=workers, device=device)


def items(images: LabelledImages, valid: bool) -> list[Item]:
    """Return the items of the validation set (`valid`) or of the training set, in the order of the files."""
    rows = zip(images.files, images.labels, images.valid, strict=True)
    return [Item(images.root / file, answer) for file, answer, held in rows if held == valid]
