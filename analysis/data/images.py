"""Decode image files from unknown sources safely."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from analysis.errors import CamLensError

MAX_PIXELS = 50_000_000
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
SUFFIXES = frozenset((".jpg", ".jpeg", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm"))
_EXIF_ORIENTATION = 0x0112
_QUARTER_TURNS = frozenset((5, 6, 7, 8))  # EXIF orientations that swap width and height


class ImageError(CamLensError, ValueError):
    """The file cannot be opened as an image; the message says why."""


def open_image(source: str | Path | bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode an image to RGB, rotated as its EXIF data says.

    The size in the header is checked before anything is decoded. As in fastai, transparency is ignored and the
    first frame of an animation is used; 16-bit and float greyscale is scaled to 8 bits.

    Parameters
    ----------
    source : a path, or the bytes of a file
    max_pixels : largest width x height that is opened

    Raises
    ------
    ImageError : the file is missing, empty, damaged or no image, or has too many pixels
    """
    with _open(source, max_pixels) as image:
        return _decode(image, source)


def image_size(source: str | Path | bytes, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return (width, height) from the header alone, after the EXIF rotation; raises ImageError."""
    with _open(source, max_pixels) as image:
        width, height = image.size
        rotated = _orientation(image) in _QUARTER_TURNS
    return (height, width) if rotated else (width, height)


def check_image(source: str | Path | bytes, max_pixels: int = MAX_PIXELS) -> None:
    """Raise ImageError if the header shows that the image cannot be opened; decode no pixel."""
    with _open(source, max_pixels):
        pass


def thumbnail_jpeg(source: str | Path | bytes, side: int = 192) -> bytes:
    """Return the image as JPEG bytes, its longer side at most `side` pixels; raises ImageError."""
    with _open(source, MAX_PIXELS) as image:
        image.draft("RGB", (2 * side, 2 * side))  # a JPEG is decoded at a fraction of its size
        picture = _decode(image, source)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _open(source: str | Path | bytes, max_pixels: int) -> Image.Image:
    name = _name(source)
    if isinstance(source, bytes) and not source:
        raise ImageError("The file is empty.")
    try:
        with warnings.catch_warnings():
            # Pillow warns above a limit of its own, which is higher than ours
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
    except FileNotFoundError as error:
        raise ImageError(f"{name} does not exist.") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name} has too many pixels; at most {max_pixels:,} are opened.") from error
    except Image.UnidentifiedImageError as error:
        raise ImageError(f"{name} is not an image in a format that can be read ({', '.join(FORMATS)}).") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise ImageError(f"{name} cannot be opened: {error}.") from error
    width, height = image.size
    if width * height > max_pixels:
        image.close()
        raise ImageError(
            f"{name} has {width} x {height} = {width * height:,} pixels; at most {max_pixels:,} are opened."
        )
    return image


def _decode(image: Image.Image, source: str | Path | bytes) -> Image.Image:
    try:
        image.load()
        rotated = ImageOps.exif_transpose(image)
        return _eight_bit(rotated).convert("RGB")
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError) as error:
        raise ImageError(f"{_name(source)} is damaged: {error}.") from error


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale greyscale of more than 8 bits; Pillow's own conversion would turn all bright pixels white."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    top = values.max(initial=1.0)
    if image.mode.startswith("I;16"):
        top = 65535.0
    elif image.mode == "I":  # 32 bits can also hold values of 8 or 16 bits
        top = next((full for full in (255.0, 65535.0) if top <= full), top)
    low = min(values.min(initial=0.0), 0.0)
    return Image.fromarray(((values - low) / max(top - low, 1e-12) * 255).round().astype(np.uint8))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except (OSError, ValueError, SyntaxError, TypeError):
        return 1


def _name(source: str | Path | bytes) -> str:
    return "The file" if isinstance(source, bytes) else Path(source).name
