"""Files that nobody has checked."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.data.images import ImageError, check_image, image_size, open_image, thumbnail_jpeg

PIXELS = np.random.default_rng(0).integers(0, 255, (6, 9, 3), dtype=np.uint8)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_a_png_comes_back_bit_by_bit_from_bytes_and_from_a_path(tmp_path: Path):
    data = encoded(Image.fromarray(PIXELS), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    assert np.array_equal(open_image(data), PIXELS)
    assert np.array_equal(open_image(tmp_path / "a.png"), PIXELS)
    assert image_size(data) == (9, 6)


@pytest.mark.parametrize(("mode", "kind"), [("L", "PNG"), ("CMYK", "JPEG"), ("1", "PNG"), ("P", "GIF")])
def test_every_mode_becomes_rgb_as_pillow_converts_it(mode: str, kind: str):
    data = encoded(Image.fromarray(PIXELS).convert(mode), kind)
    image = open_image(data)
    assert image.mode == "RGB"
    assert np.array_equal(image, Image.open(io.BytesIO(data)).convert("RGB"))


def test_alpha_is_dropped_as_fastai_drops_it():
    alpha = np.dstack([PIXELS, np.full((6, 9), 100, np.uint8)])
    assert np.array_equal(open_image(encoded(Image.fromarray(alpha), "PNG")), PIXELS)


def test_an_animation_shows_its_first_frame():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert open_image(data).getpixel((4, 4)) == (255, 0, 0)


def test_sixteen_bit_greyscale_is_scaled_and_not_clipped_to_white():
    grey = np.array([[0, 256, 32768, 65535]], dtype=np.uint16)
    image = open_image(encoded(Image.fromarray(grey), "PNG"))
    assert np.asarray(image)[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_its_exif_says(orientation: int):
    upright = PIXELS
    # what a camera that is held in this way stores
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif.tobytes())
    assert np.array_equal(open_image(data), upright)
    assert image_size(data) == (9, 6)


def test_a_bomb_is_refused_by_its_header(monkeypatch: pytest.MonkeyPatch):
    data = encoded(Image.new("1", (12_000, 12_000)), "PNG")
    assert len(data) < 50_000
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", pytest.fail)
    for reader in (open_image, check_image, image_size, thumbnail_jpeg):
        with pytest.raises(ImageError, match=r"12000 x 12000 = 144,000,000 pixels; at most 50,000,000"):
            reader(data)


def test_a_bomb_above_pillows_own_limit_is_refused_too():
    data = bytearray(encoded(Image.new("1", (8, 8)), "PNG"))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    with pytest.raises(ImageError, match="too many pixels"):
        open_image(bytes(data))


def test_the_limit_itself_is_allowed():
    data = encoded(Image.fromarray(PIXELS), "PNG")
    assert open_image(data, max_pixels=54).size == (9, 6)
    with pytest.raises(ImageError, match="54 pixels"):
        open_image(data, max_pixels=53)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"hello", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (encoded(Image.fromarray(PIXELS), "PNG")[:60], "damaged"),
        (encoded(Image.fromarray(np.tile(PIXELS, (40, 40, 1))), "JPEG")[:2000], "damaged"),
    ],
)
def test_what_is_no_image_is_refused_with_a_reason(data: bytes, message: str):
    for reader in (open_image, thumbnail_jpeg):
        with pytest.raises(ImageError, match=message):
            reader(data)


def test_the_message_names_the_file(tmp_path: Path):
    with pytest.raises(ImageError, match=r"gone\.jpg does not exist"):
        open_image(tmp_path / "gone.jpg")
    with pytest.raises(ImageError, match="cannot be opened"):
        open_image(tmp_path)


def test_a_thumbnail_is_a_small_upright_jpeg(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("CMYK", (800, 400)).save(tmp_path / "a.jpg", exif=exif.tobytes())
    thumbnail = Image.open(io.BytesIO(thumbnail_jpeg(tmp_path / "a.jpg", side=100)))
    assert (thumbnail.format, thumbnail.mode, thumbnail.size) == ("JPEG", "RGB", (50, 100))


def test_pets_files_that_are_not_what_their_names_say_open_as_in_fastai(shared: Path):
    from fastai.vision.core import PILImage

    odd = []
    for path in sorted((shared / "oxford-iiit-pet" / "images").glob("*.jpg")):
        with Image.open(path) as image:
            if image.format != "JPEG":
                odd.append(path)
    assert {Image.open(path).format for path in odd} == {"GIF", "PNG"}
    for path in odd:
        assert np.array_equal(open_image(path), PILImage.create(path))


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0, 100, 255], [0, 100, 255]), ([0, 25700, 65535], [0, 100, 255]), ([0, 100_000, 255_000], [0, 100, 255])],
)
def test_32_bit_integers_are_scaled_by_what_they_were_counted_in(values: list[int], expected: list[int]):
    data = encoded(Image.fromarray(np.array([values], dtype=np.int32)), "TIFF")
    assert Image.open(io.BytesIO(data)).mode == "I"
    assert np.asarray(open_image(data))[0, :, 0].tolist() == expected


def test_a_dark_16_bit_picture_stays_dark():
    data = encoded(Image.fromarray(np.array([[0, 255]], dtype=np.uint16)), "TIFF")
    assert np.asarray(open_image(data))[0, :, 0].tolist() == [0, 1]
