from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from PIL import Image

from dashboard.figures.picture import outline, photo_uri


def polygon_area(x: np.ndarray, y: np.ndarray) -> float:
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


def test_the_photo_survives_its_journey(report):
    head, data = photo_uri(report.image).split(",")
    assert head == "data:image/jpeg;base64"
    back = np.asarray(Image.open(BytesIO(base64.b64decode(data)))).astype(int)
    assert back.shape == report.image.shape
    assert np.abs(back - report.image).mean() < 2
    assert len(data) < 40_000


def test_an_outline_runs_along_the_edges_of_the_pixels():
    mask = np.zeros((20, 30), bool)
    mask[4:10, 12:27] = True
    x, y = outline(mask)
    assert (x.min(), x.max()) == (12, 27)
    assert (y.min(), y.max()) == (4, 10)
    assert abs(polygon_area(x[:-1], y[:-1]) - mask.sum()) < 1  # four cut corners


def test_an_object_cut_by_the_frame_is_closed_along_it():
    x, y = outline(np.ones((5, 8), bool))
    assert (x.min(), x.max(), y.min(), y.max()) == (0, 8, 0, 5)
    assert (x[0], y[0]) == (x[-1], y[-1])


def test_pieces_are_joined_by_a_gap_and_nothing_gives_nothing():
    mask = np.zeros((9, 9), bool)
    mask[1:3, 1:3] = mask[6:8, 6:8] = True
    x, y = outline(mask)
    assert np.isnan(x).sum() == np.isnan(y).sum() == 1
    assert outline(np.zeros((9, 9), bool))[0].size == 0
