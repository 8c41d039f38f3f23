"""Pictures by their ids: a run's own files and photos that a user uploads, and as a network sees them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.data.images import open_image
from analysis.data.source import Annotation, annotation
from analysis.learner.images.examples import image_recipe
from analysis.runs import Run
from dashboard.backend.gone import ImageGone
from dashboard.backend.made_once import MadeOnce
from dashboard.backend.residents import Resident, Residents, digest

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from analysis.learner.images.store import ImageLearner

UPLOAD = "upload:"  # image ids that start so are photos a user brought, named by their sha256


@dataclass(frozen=True)
class Masks:
    """Where the animal and the shortcut are in a picture: (S, S) bool, or None where there is no mask."""

    animal: np.ndarray | None
    shortcut: np.ndarray | None


class Pictures:
    """Reads pictures and prepares them for the learners in memory. Safe from any thread."""

    def __init__(self, residents: Residents) -> None:
        """Take the learners in memory, whose pipelines the pictures go through."""
        self._residents = residents
        self._uploads = MadeOnce(limit=32)
        self._prepared = MadeOnce(limit=64)

    def keep_upload(self, data: bytes, name: str = "Your photo") -> str:
        """Check a user's photo and keep it under its file name; return its image id.

        Raises
        ------
        ImageError
            When the bytes are not a picture that can be shown.
        """
        open_image(data)
        key = hashlib.sha256(data).hexdigest()
        self._uploads.keep(key, (name, data))
        return UPLOAD + key

    def upload_name(self, image: str) -> str:
        """Return the file name of an uploaded photo."""
        return self._uploads.get(image.removeprefix(UPLOAD), ("Your photo", b""))[0]

    def read(self, run: Run, image: str) -> Image:
        """Return the picture of an image id, upright and in RGB.

        Raises
        ------
        ImageGone
            When the photo is no longer there.
        ImageError
            When it can't be decoded.
        """
        if image.startswith(UPLOAD):
            upload = self._uploads.get(image.removeprefix(UPLOAD))
            if upload is None:
                raise ImageGone("This photo was uploaded earlier and is not kept any more. Upload it again.")
            return open_image(upload[1])
        path = run.image_path(image)
        if not path.is_file():
            raise ImageGone(
                f"The picture {image} was expected at {path} and is not there. "
                "Put the folder back, or fine-tune again on the pictures as they are now."
            )
        return open_image(path)

    def resident(self, run: Run) -> Resident[ImageLearner]:
        """Return the run's learner in memory, loaded at the first call.

        Raises
        ------
        RunError
            When the run is not one of pictures, or its files are damaged or were made by something newer.
        """
        image_recipe(run)
        resident: Resident[ImageLearner] = self._residents.get(run)
        return resident

    def batch(self, run: Run, images: Sequence[str]) -> Tensor:
        """Return pictures as the run's network takes them, (B, 3, S, S), normalised, on its device."""
        return self.resident(run).loaded.batch([self.read(run, image) for image in images])

    def view(self, run: Run, image: str, size: int | None = None) -> np.ndarray:
        """Return a picture as the network sees it, (S, S, 3) uint8; S is `size`, or else the run's size."""
        size = size or image_recipe(run).size

        def compute() -> np.ndarray:
            return self.resident(run).loaded.view(self.read(run, image), size)

        return self._prepared.get_or_make(("view", *picture_key(run, image), size), compute)

    def masks(self, run: Run, image: str) -> Masks:
        """Return the masks of a picture, cropped and resized as the network sees it."""

        def compute() -> Masks:
            loaded, known = self.resident(run).loaded, _annotation(run, image)
            return Masks(
                None if known.mask is None else loaded.mask_view(known.mask),
                None if known.shortcut is None else loaded.mask_view(known.shortcut),
            )

        return self._prepared.get_or_make(("masks", *picture_key(run, image)), compute)


def picture_key(run: Run, image: str) -> tuple[str, str, int, int]:
    """Return what tells a run's picture from all others, and from itself before its file changed.

    A missing file has a key, too; opening it will say that it is missing.
    """
    if image.startswith(UPLOAD):
        return digest(run), image, 0, 0
    try:
        facts = run.image_path(image).stat()
    except OSError:
        return digest(run), image, 0, 0
    return digest(run), image, facts.st_mtime_ns, facts.st_size


def _annotation(run: Run, image: str) -> Annotation:
    """Return what the data set of a run knows of a picture; nothing for an uploaded photo."""
    if image.startswith(UPLOAD):
        return Annotation(mask=None, head_box=None, shortcut=None)
    return annotation(Path(run.manifest.data_root), image)
