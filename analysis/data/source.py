"""Labelled images from any source, and the annotations of a photo."""

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
from analysis.data.labelled import LabelledExamples

SOURCES = ("demo", "pets", "folder")
TASKS = {"demo": ("species", "breeds"), "pets": ("species", "breeds"), "folder": ("folder",)}


@dataclass(frozen=True)
class Annotation:
    """The annotations of one photo besides its label; each is None where the photo has none.

    Attributes
    ----------
    mask : bool (H, W) at the photo's own size, True on the animal. The border in a trimap of Oxford-IIIT Pet
        (class 3, which the annotators left open) counts as animal.
    head_box : xmin, ymin, xmax, ymax in pixels of the photo
    shortcut : bool (H, W), True on the demo's shortcut
    """

    mask: np.ndarray | None = None
    head_box: tuple[int, int, int, int] | None = None
    shortcut: np.ndarray | None = None


@dataclass(frozen=True)
class LabelledImages(LabelledExamples):
    """Images with labels and a split into training and validation.

    `source` and `task` are names from `SOURCES` and `TASKS`; `files` are POSIX paths relative to the folder
    `root`. A label is a bool for the task "species" (is it a cat?), else a str.
    """

    def class_names(self) -> list[str]:
        """Return the labels as text for people, in the vocabulary's order."""
        return class_names(self.task, self.vocabulary())

    def file_facts(self) -> list[tuple[int | None, int | None]]:
        """Return (size in bytes, time of the file's last change in ns) for each image; None if it is gone."""
        return [_size_and_time(self.root / file) for file in self.files]

    def fingerprint(self) -> str:
        """Return a sha256 of names, file sizes, labels and split; read no pixels."""
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
    """Return whether a Pets file name is that of a cat: it begins with a capital letter."""
    return name[0].isupper()


def breed(name: str) -> str:
    """Return the breed in a Pets file name: everything before the last underscore."""
    return name.rsplit("_", 1)[0]


def pets_label(task: str, file: str) -> bool | str:
    """Return the label of a file that is named as in Oxford-IIIT Pet."""
    name = PurePosixPath(file).name
    return is_cat(name) if task == "species" else breed(name)


def class_names(task: str, vocabulary: Sequence[Any]) -> list[str]:
    """Return the labels of a vocabulary as text for people: [False, True] of "species" is ["dog", "cat"]."""
    if task == "species":
        return ["cat" if label else "dog" for label in vocabulary]
    return [str(label) for label in vocabulary]


def annotation(root: Path, file: str) -> Annotation:
    """Read the annotations of a photo from the folder `annotations` beside `root`.

    The files are `trimaps/<name>.png`, `xmls/<name>.xml` and `shortcuts/<name>.png`. An annotation is None where
    its file is missing, damaged or of another size than the photo; nothing is raised.

    Parameters
    ----------
    root : the folder of the photos
    file : path of the photo relative to `root`
    """
    folder = Path(root).parent / "annotations"
    try:
        size = image_size(Path(root) / file)
    except ImageError:
        return Annotation()
    stem = PurePosixPath(file)
    trimap = _read_mask(folder / "trimaps" / stem.with_suffix(".png"), size)
    shortcut = _read_mask(folder / "shortcuts" / stem.with_suffix(".png"), size)
    return Annotation(
        mask=None if trimap is None else (trimap == 1) | (trimap == 3),
        head_box=_read_box(folder / "xmls" / stem.with_suffix(".xml")),
        shortcut=None if shortcut is None else shortcut > 0,
    )


def _read_mask(path: Path, size: tuple[int, int]) -> np.ndarray | None:
    try:
        with Image.open(path, formats=["PNG"]) as image:
            # a mask of another size belongs to another photo; the header shows it before a pixel is decoded
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
