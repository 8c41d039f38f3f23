"""Tables and thumbnails are read once, and again after they have changed."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from analysis.predictions import open_predictions
from dashboard.backend import caches
from dashboard.backend.caches import predictions, thumbnail


@pytest.mark.usefixtures("fresh")
def test_a_table_is_opened_once_and_again_when_its_file_is_another_one(tiny_run, monkeypatch):
    opened = []
    monkeypatch.setattr(caches, "open_predictions", lambda run: opened.append(run) or open_predictions(run))
    first = predictions(tiny_run)
    assert predictions(tiny_run) is first
    assert len(first) == len(tiny_run.predictions())
    assert [run.path for run in opened] == [tiny_run.path]
    files = {**tiny_run.manifest.files, "predictions.parquet": "evaluated again"}
    assert predictions(replace(tiny_run, manifest=replace(tiny_run.manifest, files=files))) is not first
    assert len(opened) == 2
    caches._predictions.clear()  # the invented digest must not stay


def test_a_thumbnail_is_a_small_jpeg_of_the_same_shape(tmp_path):
    path = tmp_path / "red.png"
    Image.new("RGB", (600, 300), (200, 0, 0)).save(path)
    with Image.open(io.BytesIO(thumbnail(str(path), 1))) as image:
        assert (image.format, image.size) == ("JPEG", (224, 112))
        assert np.abs(np.asarray(image, dtype=int) - (200, 0, 0)).max() < 10
    with Image.open(io.BytesIO(thumbnail(str(path), 1, side=100))) as image:
        assert image.size == (100, 50)


def test_a_thumbnail_is_kept_until_the_file_has_another_time(tmp_path):
    path = tmp_path / "picture.png"
    Image.new("RGB", (60, 60), "red").save(path)
    first = thumbnail(str(path), 1)
    Image.new("RGB", (60, 60), "blue").save(path)
    assert thumbnail(str(path), 1) == first
    assert thumbnail(str(path), 2) != first
