"""Pictures by their ids: the right one, prepared as its learner takes it, or a message."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from analysis.data.images import ImageError
from dashboard.backend.gone import ImageGone
from dashboard.backend.pictures import Pictures
from dashboard.backend.residents import Residents


def test_pictures_that_are_not_there(tiny_run):
    pictures = Pictures(Residents())
    with pytest.raises(ImageGone, match="Put the folder back"):
        pictures.read(tiny_run, "gone.jpg")
    with pytest.raises(ImageGone, match="Upload it again"):
        pictures.read(tiny_run, "upload:" + "0" * 64)
    with pytest.raises(ImageError):
        pictures.keep_upload(b"\x89PNG\r\n\x1a\n nonsense")


def test_a_photo_on_the_screen_outlives_newer_ones(tiny_run):
    pictures = Pictures(Residents())
    mine, *others = (pictures.keep_upload(png(level), f"{level}.png") for level in range(32))
    pictures.read(tiny_run, mine)
    pictures.keep_upload(png(32), "32.png")
    assert pictures.read(tiny_run, mine).getpixel((0, 0)) == (0, 0, 0)
    assert pictures.upload_name(mine) == "0.png"
    with pytest.raises(ImageGone):
        pictures.read(tiny_run, others[0])


def png(level: int) -> bytes:
    """A small grey picture as a file."""
    file = io.BytesIO()
    Image.new("RGB", (32, 32), (level, level, level)).save(file, "PNG")
    return file.getvalue()


def test_threads_get_their_own_batches(tiny_run):
    pictures = Pictures(Residents())
    files = tiny_run.predictions()["path"].tolist()[:8]
    alone = {file: pictures.batch(tiny_run, [file]) for file in files}
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda file: pictures.batch(tiny_run, [file]), files * 4))
    for file, batch in zip(files * 4, together, strict=True):
        assert batch.equal(alone[file])


def test_a_picture_is_seen_at_any_size_and_again_after_its_file_changed(tiny_run, tmp_path):
    run = replace(tiny_run, manifest=replace(tiny_run.manifest, data_root=str(tmp_path)))
    pictures, file = Pictures(Residents()), tmp_path / "sand_1.png"
    file.write_bytes(png(100))
    assert pictures.view(run, "sand_1.png").shape == (64, 64, 3)  # the run's size
    assert pictures.view(run, "sand_1.png", 32).shape == (32, 32, 3)
    assert pictures.view(run, "sand_1.png", 32) is pictures.view(run, "sand_1.png", 32)
    np.testing.assert_allclose(pictures.view(run, "sand_1.png", 32), 100, atol=1)
    file.write_bytes(png(200) + b" ")  # one byte longer
    np.testing.assert_allclose(pictures.view(run, "sand_1.png", 32), 200, atol=1)


def test_an_upload_has_no_masks(tiny_run):
    pictures = Pictures(Residents())
    masks = pictures.masks(tiny_run, pictures.keep_upload(png(9)))
    assert (masks.animal, masks.shortcut) == (None, None)
