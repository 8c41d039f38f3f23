"""Safe decoding of image files that nobody has checked."""

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
    """The file is not an image that can be shown; the message says why."""


def open_image(source: str | Path | bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode an image to RGB, turned as its EXIF data says.

    The size in the header is checked before anything is decoded. Alpha is dropped and the first
    frame of an animation is taken, as fastai does; 16-bit and float greyscale is scaled to 8 bits.

    Parameters
    ----------
    source : a path, or the bytes of a file
    max_pixels : width x height above which the image is refused

    Raises
    ------
    ImageError : missing, empty, not an image, too many pixels, or broken data
    """
    with _opened(source, max_pixels) as image:
        return _decoded(image, source)


def image_size(source: str | Path | bytes, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return (width, height) after turning by EXIF, from the header alone; raises ImageError."""
    with _opened(source, max_pixels) as image:
        width, height = image.size
        turned = _orientation(image) in _QUARTER_TURNS
    return (height, width) if turned else (width, height)


def check_image(source: str | Path | bytes, max_pixels: int = MAX_PIXELS) -> None:
    """Raise ImageError where the header says that the image cannot be opened; decodes no pixel."""
    with _opened(source, max_pixels):
        pass


def thumbnail_jpeg(source: str | Path | bytes, side: int = 192) -> bytes:
    """Return JPEG bytes of the image, its longer side at most `side` pixels; raises ImageError."""
    with _opened(source, MAX_PIXELS) as image:
        image.draft("RGB", (2 * side, 2 * side))  # a JPEG is decoded at a fraction of its size
        picture = _decoded(image, source)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _opened(source: str | Path | bytes, max_pixels: int) -> Image.Image:
    name = _name(source)
    if isinstance(source, bytes) and not source:
        raise ImageError("The file is empty.")
    try:
        with warnings.catch_warnings():
            # Pillow warns above its own limit; ours is lower and is an error
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
    except FileNotFoundError as error:
        raise ImageError(f"{name} does not exist.") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name} has too many pixels; at most {max_pixels:,} are opened.") from error
    except Image.UnidentifiedImageError as error:
        raise ImageError(f"{name} is not an image that can be read ({', '.join(FORMATS)}).") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise ImageError(f"{name} cannot be opened: {error}.") from error
    width, height = image.size
    if width * height > max_pixels:
        image.close()
        raise ImageError(
            f"{name} has {width} x {height} = {width * height:,} pixels; at most {max_pixels:,} are opened."
        )
    return image


def _decoded(image: Image.Image, source: str | Path | bytes) -> Image.Image:
    try:
        image.load()
        turned = ImageOps.exif_transpose(image)
        return _eight_bit(turned).convert("RGB")
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError) as error:
        raise ImageError(f"{_name(source)} is damaged: {error}.") from error


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale greyscale of more than 8 bits, which Pillow's own conversion would clip to white."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    top = values.max(initial=1.0)
    if image.mode.startswith("I;16"):
        top = 65535.0
    elif image.mode == "I":  # 32 bits hold what was counted in 8 or in 16 as well
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
