"""Labels, splits and annotations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.data.source import Annotation, LabelledImages, annotation, class_names, pets_label


@pytest.fixture
def images(tmp_path: Path) -> LabelledImages:
    root = tmp_path / "images"
    root.mkdir()
    for name in ("Bengal_1.jpg", "pug_1.jpg", "pug_2.jpg"):
        (root / name).write_bytes(b"12")
    return LabelledImages(
        "pets", "species", root, ("Bengal_1.jpg", "pug_1.jpg", "pug_2.jpg"), (True, False, False),
        (False, True, False),
    )  # fmt: skip


def test_the_vocabulary_is_sorted_as_fastai_sorts_it(images: LabelledImages):
    from fastai.data.transforms import CategoryMap

    assert images.vocabulary() == [False, True] == list(CategoryMap(images.labels))
    assert class_names("species", images.vocabulary()) == ["dog", "cat"]
    assert class_names("breeds", ["Bengal", "pug"]) == ["Bengal", "pug"]


def test_labels_of_pets_file_names():
    assert pets_label("species", "Egyptian_Mau_3.jpg") is True
    assert pets_label("species", "pug_3.jpg") is False
    assert pets_label("breeds", "american_pit_bull_terrier_102.jpg") == "american_pit_bull_terrier"


def test_the_fingerprint_changes_with_names_sizes_labels_and_split_only(images: LabelledImages):
    before = images.fingerprint()
    assert replace(images, skipped=(("x", "y"),)).fingerprint() == before
    assert replace(images, labels=(True, True, False)).fingerprint() != before
    assert replace(images, valid=(False, False, True)).fingerprint() != before
    assert replace(images, task="breeds").fingerprint() != before
    order = (2, 0, 1)
    shuffled = replace(
        images,
        files=tuple(images.files[i] for i in order),
        labels=tuple(images.labels[i] for i in order),
        valid=tuple(images.valid[i] for i in order),
    )
    assert shuffled.fingerprint() == before
    (images.root / "pug_1.jpg").write_bytes(b"123")
    changed = images.fingerprint()
    assert changed != before
    (images.root / "pug_1.jpg").unlink()
    assert images.fingerprint() not in (before, changed)


@pytest.fixture
def annotated(tmp_path: Path) -> Path:
    for name in ("images", "annotations/trimaps", "annotations/xmls", "annotations/shortcuts"):
        (tmp_path / name).mkdir(parents=True)
    Image.new("RGB", (4, 3)).save(tmp_path / "images" / "pug_1.jpg")
    trimap = np.array([[2, 2, 2, 2], [2, 3, 1, 2], [0, 0, 0, 1]], dtype=np.uint8)
    Image.fromarray(trimap).save(tmp_path / "annotations/trimaps/pug_1.png")
    Image.fromarray(np.eye(3, 4, dtype=np.uint8) * 255).save(tmp_path / "annotations/shortcuts/pug_1.png")
    box = "<xmin>1</xmin><ymin>0</ymin><xmax>3</xmax><ymax>2</ymax>"
    xml = f"<annotation><object><bndbox>{box}</bndbox></object></annotation>"
    (tmp_path / "annotations/xmls/pug_1.xml").write_text(xml)
    return tmp_path


def test_what_is_annotated_is_read(annotated: Path):
    known = annotation(annotated / "images", "pug_1.jpg")
    assert known.mask is not None
    assert known.shortcut is not None
    assert known.mask.astype(int).tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]]
    assert known.mask.dtype == known.shortcut.dtype == bool
    assert known.shortcut.astype(int).tolist() == np.eye(3, 4).tolist()
    assert known.head_box == (1, 0, 3, 2)


def test_missing_broken_or_foreign_annotations_are_none(annotated: Path):
    (annotated / "annotations/trimaps/pug_1.png").write_bytes(b"\x89PNG broken")
    Image.new("L", (9, 9)).save(annotated / "annotations/shortcuts/pug_1.png")  # of another photo
    (annotated / "annotations/xmls/pug_1.xml").write_text("<annotation><object>")
    assert annotation(annotated / "images", "pug_1.jpg") == Annotation(None, None, None)
    (annotated / "annotations/xmls/pug_1.xml").write_text("<a><bndbox><xmin>4</xmin></bndbox></a>")
    assert annotation(annotated / "images", "pug_1.jpg").head_box is None
    assert annotation(annotated / "images", "other.jpg") == Annotation()


def test_annotations_of_the_pets_photos(shared: Path):
    known = annotation(shared / "oxford-iiit-pet" / "images", "Abyssinian_1.jpg")
    with Image.open(shared / "oxford-iiit-pet/images/Abyssinian_1.jpg") as image:
        assert known.mask is not None
        assert known.mask.shape == image.size[::-1]
    assert known.head_box == (333, 72, 425, 158)
    assert 0.05 < known.mask.mean() < 0.6
