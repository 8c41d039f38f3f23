"""The files of a picture: layout, annotations, and the JPEG."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_cdt

from analysis.data.demo.dataset import draw, twin
from analysis.data.demo.plan import plan
from analysis.data.demo.truth import read_truth
from tests.tiny import FEW_PICTURES


def test_the_folder_has_the_layout_of_oxford_iiit_pet(folder: Path) -> None:
    rows = read_truth(folder)
    assert {p.name for p in (folder / "images").iterdir()} == set(rows)
    assert len(rows) == 36
    for file, row in rows.items():
        stem = file.removesuffix(".jpg")
        with Image.open(folder / "images" / file) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (224, 224))
        assert (row.species == "cat") == file[0].isupper()
        assert stem.rsplit("_", 1)[0] == row.breed
        with Image.open(folder / "annotations/trimaps" / f"{stem}.png") as trimap:
            assert trimap.mode == "L"
            assert set(np.unique(np.asarray(trimap))) == {1, 2, 3}
        tree = ElementTree.parse(folder / "annotations/xmls" / f"{stem}.xml")
        x0, y0, x1, y1 = (int(tree.findtext(f"object/bndbox/{k}") or -1) for k in ("xmin", "ymin", "xmax", "ymax"))
        assert 0 <= x0 < x1 < 224
        assert 0 <= y0 < y1 < 224
        assert (tree.findtext("filename"), tree.findtext("object/name")) == (file, row.species)
        assert (folder / "annotations/shortcuts" / f"{stem}.png").exists() == row.shortcut


def test_the_border_is_within_two_pixels_of_the_outline(folder: Path) -> None:
    for stem in list(plan(FEW_PICTURES))[::6]:
        mask = draw(stem, parameters=FEW_PICTURES).mask
        # distances that count a diagonal step as one; beyond the edge of the picture nothing changes
        inward = distance_transform_cdt(np.pad(mask, 3, "edge"), "chessboard")[3:-3, 3:-3]
        outward = distance_transform_cdt(np.pad(~mask, 3, "edge"), "chessboard")[3:-3, 3:-3]
        expected = np.where(inward > 2, 1, np.where(mask | (outward <= 2), 3, 2))
        with Image.open(folder / "annotations/trimaps" / f"{stem}.png") as trimap:
            np.testing.assert_array_equal(np.asarray(trimap), expected)


def test_the_file_is_the_drawing(folder: Path) -> None:
    stem = next(s for s, p in plan(FEW_PICTURES).items() if p.shortcut)
    drawing = draw(stem, parameters=FEW_PICTURES)
    file = np.asarray(Image.open(folder / "images" / f"{stem}.jpg")).astype(int)
    assert np.abs(file - drawing.image).mean() < 4  # JPEG loss only
    assert np.array_equal(file, twin(stem, shortcut=True, parameters=FEW_PICTURES))
    mask = np.asarray(Image.open(folder / "annotations/shortcuts" / f"{stem}.png")) > 0
    assert np.array_equal(mask, drawing.shortcut_mask)
