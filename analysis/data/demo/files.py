"""The files of one picture: the JPEG and its annotations."""

from __future__ import annotations

import io
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from analysis.data.demo.canvas import SIZE
from analysis.data.demo.drawing import Drawing

_JPEG = {"quality": 90, "subsampling": 0}
_FOLDERS = ("images", "annotations/trimaps", "annotations/xmls", "annotations/shortcuts")


def make_folders(root: Path) -> None:
    """Create the folders that `write_picture` writes into."""
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True)


def write_picture(root: Path, drawing: Drawing) -> None:
    """Write the files of one picture below `root`; the JPEG comes last, so that it stands for all of them."""
    stem = drawing.picture.stem
    annotations = root / "annotations"
    Image.fromarray(_trimap(drawing.mask)).save(annotations / "trimaps" / f"{stem}.png", compress_level=1)
    (annotations / "xmls" / f"{stem}.xml").write_text(_voc(drawing), encoding="utf-8")
    if drawing.picture.shortcut:
        mask = Image.fromarray(drawing.shortcut_mask.astype(np.uint8) * 255)
        mask.save(annotations / "shortcuts" / f"{stem}.png", compress_level=1)
    (root / "images" / drawing.picture.file).write_bytes(jpeg_bytes(drawing.image))


def jpeg_bytes(image: NDArray[np.uint8]) -> bytes:
    """Return a picture, (H, W, 3), as the bytes of its JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", **_JPEG)
    return buffer.getvalue()


def _trimap(mask: NDArray[np.bool_], reach: int = 2) -> NDArray[np.uint8]:
    """Return 1 on the animal, 2 on the background, 3 within `reach` pixels of the animal's outline."""
    image, side = Image.fromarray(mask.astype(np.uint8)), 2 * reach + 1
    near = np.asarray(image.filter(ImageFilter.MaxFilter(side))) == 1
    inside = np.asarray(image.filter(ImageFilter.MinFilter(side))) == 1
    return np.where(inside, 1, np.where(near, 3, 2)).astype(np.uint8)


def _voc(drawing: Drawing) -> str:
    """Return the annotation of the head in the XML of Pascal VOC."""
    x0, y0, x1, y1 = drawing.head_box
    picture = drawing.picture
    return f"""<annotation>
\t<folder>OXIIIT</folder>
\t<filename>{escape(picture.file)}</filename>
\t<source><database>CAM Lens demo</database><annotation>drawn</annotation></source>
\t<size><width>{SIZE}</width><height>{SIZE}</height><depth>3</depth></size>
\t<segmented>0</segmented>
\t<object>
\t\t<name>{picture.species}</name>
\t\t<pose>Frontal</pose>
\t\t<truncated>0</truncated>
\t\t<occluded>0</occluded>
\t\t<bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox>
\t\t<difficult>{int(picture.ambiguous)}</difficult>
\t</object>
</annotation>
"""
