"""Labelled images, whatever source they come from, and what is annotated on them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from analysis.data.images import ImageError, image_size
from analysis.data.labelled import Labelled

SOURCES = ("demo", "pets", "folder")
TASKS = {"demo": ("species", "breeds"), "pets": ("species", "breeds"), "folder": ("folder",)}


@dataclass(frozen=True)
class Annotation:
    """What is known about one photo besides its label; None for what is not there.

    Attributes
    ----------
    mask : bool (H, W) at the photo's own size, True on the animal. The border class of an
        Oxford-IIIT trimap (3: the ring that the annotators left undecided) counts as animal.
    head_box : xmin, ymin, xmax, ymax in pixels of the photo
    shortcut : bool (H, W), True on the object that the demo planted
    """

    mask: np.ndarray | None = None
    head_box: tuple[int, int, int, int] | None = None
    shortcut: np.ndarray | None = None


@dataclass(frozen=True)
class LabelledImages(Labelled):
    """Images with labels and a split into training and validation.

    `source` and `task` are names from `SOURCES` and `TASKS`, `files` POSIX paths relative to the folder
    `root`, the labels bool (is it a cat?) for "species", str else.
    """

    def class_names(self) -> list[str]:
        """Return the vocabulary's labels as shown to a person."""
        return class_names(self.task, self.vocabulary())

    def file_facts(self) -> list[tuple[int | None, int | None]]:
        """Return for each image its size in bytes and when its file was changed, in ns; None where it is gone."""
        return [_size_and_time(self.root / file) for file in self.files]

    def fingerprint(self) -> str:
        """Return a sha256 over names, file sizes, labels and split; reads no pixels."""
        digest = hashlib.sha256(json.dumps([self.source, self.task]).encode())
        for row in sorted(zip(self.files, self.labels, self.valid, strict=True), key=lambda row: row[0]):
            path = self.root / row[0]
            size = path.stat().st_size if path.exists() else -1
            digest.update(json.dumps([*row, size]).encode())
        return digest.hexdigest()


def _size_and_time(path: Path) -> tuple[int | None, int | None]:
    try:
        facts = path.stat()
    except OSError:
        return None, None
    return facts.st_size, facts.st_mtime_ns


def is_cat(name: str) -> bool:
    """Say whether a Pets file name is a cat's: those begin with a capital letter."""
    return name[0].isupper()


def breed(name: str) -> str:
    """Return the breed in a Pets file name: all before the last underscore."""
    return name.rsplit("_", 1)[0]


def pets_label(task: str, file: str) -> bool | str:
    """Return the label of a file that is named as in Oxford-IIIT Pet."""
    name = PurePosixPath(file).name
    return is_cat(name) if task == "species" else breed(name)


def class_names(task: str, vocabulary: Sequence[Any]) -> list[str]:
    """Return the names to show for a vocabulary: [False, True] of "species" is ["dog", "cat"]."""
    if task == "species":
        return ["cat" if label else "dog" for label in vocabulary]
    return [str(label) for label in vocabulary]


def annotation(root: Path, file: str) -> Annotation:
    """Read what is annotated for a photo, from `annotations/` beside the folder `root`.

    Looks for `trimaps/<name>.png`, `xmls/<name>.xml` and `shortcuts/<name>.png`. What is missing,
    broken, or of another size than the photo is None: nothing is raised.
    """
    folder = Path(root).parent / "annotations"
    try:
        size = image_size(Path(root) / file)
    except ImageError:
        return Annotation()
    stem = PurePosixPath(file)
    trimap = _read_mask(folder / "trimaps" / stem.with_suffix(".png"), size)
    planted = _read_mask(folder / "shortcuts" / stem.with_suffix(".png"), size)
    return Annotation(
        mask=None if trimap is None else (trimap == 1) | (trimap == 3),
        head_box=_read_box(folder / "xmls" / stem.with_suffix(".xml")),
        shortcut=None if planted is None else planted > 0,
    )


def _read_mask(path: Path, size: tuple[int, int]) -> np.ndarray | None:
    try:
        with Image.open(path, formats=["PNG"]) as image:
            # checked before a pixel is decoded: a mask of another size belongs to another photo
            return np.asarray(image) if image.size == size and len(image.getbands()) == 1 else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _read_box(path: Path) -> tuple[int, int, int, int] | None:
    try:
        box = ElementTree.parse(path).find(".//bndbox")
        if box is None:
            return None
        corners = ("xmin", "ymin", "xmax", "ymax")
        xmin, ymin, xmax, ymax = (int(float(box.findtext(key, ""))) for key in corners)
    except (OSError, ValueError, ElementTree.ParseError):
        return None
    return (xmin, ymin, xmax, ymax) if xmin < xmax and ymin < ymax else None
