"""The one door to the model: whoever wants a prediction or a map asks here.

Streamlit runs every browser session, and every quick second click, in a thread of its own. One model with
hooks on it can't serve two threads at a time (seen on this stack: crashes and silently wrong maps), so each
learner has a lock for whoever runs its network, one resident copy of it serves all sessions, and what was
computed is kept. Nothing is computed under a lock that readers of other things need; `residents` says in
which order locks are taken. Maps are made on the engine's own copies of the network, each with a lock of its
own, and need no learner's lock: see `MapStore`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
import streamlit as st

from analysis.data.images import ImageError, open_image
from analysis.data.source import Annotation, annotation
from analysis.errors import CamLensError
from analysis.home import home
from analysis.runs import Run, list_runs
from dashboard.backend.caches import MadeOnce
from dashboard.backend.gone import ImageGone
from dashboard.backend.jobs.fit import JobBoard
from dashboard.backend.map_store import MapStore, Subject
from dashboard.backend.residents import Residents, digest
from dashboard.backend.threads import leave_at_exit

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor, nn

    from analysis.explain.precision import PrecisionChoice
    from analysis.explain.probe import Probe
    from analysis.explain.report.layers import LayerReport
    from analysis.explain.report.picture import TracedImage
    from analysis.explain.studies.keepdim import KeepdimCase, KeepdimCell
    from analysis.learner.images.store import LoadedLearner

# Read when torch is loaded: OpenMP's waiting threads would spin and slow down whatever runs beside the model.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# timm uses torch.jit.script, which announces its retirement once in every process.
warnings.filterwarnings("ignore", message=".*torch.jit.script.*")

UPLOAD = "upload:"  # image ids that start so are photos a user brought, named by their sha256
AUTO = "auto"  # the precision that was measured to be best
Target = int | tuple[int, int]
T = TypeVar("T")


@dataclass(frozen=True)
class Resident:
    """A learner in memory, with the linear probes that belong to it."""

    loaded: LoadedLearner
    probes: dict[str, Probe]


@dataclass(frozen=True)
class TwinEffect:
    """A demo picture drawn again without its shortcut, and what the model says of both.

    `picture` is (S, S, 3) uint8; `with_object` and `without_object` are (C,) float32 logits.
    """

    picture: np.ndarray
    with_object: np.ndarray
    without_object: np.ndarray


class Service:
    """What the pages may ask of models and pictures. One per process; safe from any thread."""

    def __init__(self) -> None:
        self.jobs = JobBoard()
        self.maps = MapStore()
        self._residents = Residents(_load)
        self._uploads = MadeOnce(limit=32)
        self._measured = MadeOnce(limit=8)
        self._without_network = MadeOnce(limit=96)  # made without a learner's lock
        self._results = MadeOnce(limit=96)  # made by threads that hold the learner, like the next one
        self._live = MadeOnce(limit=192)

    # --- runs -------------------------------------------------------------------------------------

    def runs(self) -> list[Run]:
        """Every complete run in the runs folder, newest first; read anew at each call."""
        return list_runs()

    def warm(self, run: Run) -> None:
        """Load the run's learner and measure it in the background, so that the first picture opens at once."""

        def load() -> None:
            # What fails here is said on the page that needs the learner, where the user can act on it.
            with contextlib.suppress(CamLensError, ImageGone, ImageError, IndexError):
                leave_at_exit()
                self.resident(run)
                self.precision(run, run.predictions()["path"].iloc[0])

        self._residents.warm(run, load)

    def resident(self, run: Run) -> Resident:
        """The run's learner in memory, loaded at the first call.

        Raises
        ------
        RunError
            When the files of the run are damaged or were made by something newer.
        """
        return self._residents.get(run)

    # --- pictures ---------------------------------------------------------------------------------

    def keep_upload(self, data: bytes, name: str = "Your photo") -> str:
        """Check a user's photo and keep it under its file name; returns its image id.

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
        """The file name of an uploaded photo."""
        return self._uploads.get(image.removeprefix(UPLOAD), ("Your photo", b""))[0]

    def picture(self, run: Run, image: str) -> Image:
        """The picture behind an image id, upright and in RGB.

        Raises
        ------
        ImageGone
            When the photo is no longer there.
        ImageError
            When it can't be decoded.
        """
        if image.startswith(UPLOAD):
            kept = self._uploads.get(image.removeprefix(UPLOAD))
            if kept is None:
                raise ImageGone("This photo was uploaded earlier and is not kept any more. Upload it again.")
            return open_image(kept[1])
        path = run.image_path(image)
        if not path.is_file():
            raise ImageGone(
                f"The picture {image} was expected at {path} and is not there. "
                "Put the folder back, or fine-tune again on the pictures as they are now."
            )
        return open_image(path)

    def decoded(self, run: Run, image: str, size: int) -> np.ndarray:
        """The picture as the network sees it at an input of `size` pixels, (size, size, 3) uint8."""

        def compute() -> np.ndarray:
            loaded = self.resident(run).loaded
            return loaded.picture(loaded.batch([self.picture(run, image)], size=size))[0]

        return self._without_network.get_or_make(("decoded", digest(run), *_stamp(run, image), size), compute)

    def annotation(self, run: Run, image: str) -> Annotation:
        """The mask, head box and shortcut of a picture, where its data set has them."""
        if image.startswith(UPLOAD):
            return Annotation(mask=None, head_box=None, shortcut=None)
        return annotation(Path(run.manifest.data_root), image)

    # --- what the model says ----------------------------------------------------------------------

    def probabilities(self, run: Run, image: str) -> np.ndarray:
        """Class probabilities, (C,) float32, in vocabulary order."""

        def compute(resident: Resident) -> np.ndarray:
            from scipy.special import softmax

            return softmax(_logits(resident, [self.picture(run, image)])[0])

        return self._residents.result(self._results, run, ("probabilities", *_stamp(run, image)), compute)

    def subject(self, run: Run, image: str, precision: str = AUTO) -> Subject:
        """A picture as maps are asked of it, in "fp32", "bf16" or in what was measured to be best."""
        chosen = self.precision(run, image).precision if precision == AUTO else precision

        def see() -> TracedImage:
            from analysis.explain.report.picture import TracedImage

            resident = self.resident(run)
            return TracedImage(resident.loaded.model, self.batch(run, [image]), resident.probes, precision=chosen)

        def masks() -> tuple[np.ndarray | None, np.ndarray | None]:
            loaded, known = self.resident(run).loaded, self.annotation(run, image)
            return (
                None if known.mask is None else loaded.view(known.mask),
                None if known.shortcut is None else loaded.view(known.shortcut),
            )

        key = (digest(run), *_stamp(run, image))
        return Subject(
            key=(*key, chosen),
            see=see,
            image=lambda: self.decoded(run, image, self.resident(run).loaded.size),
            masks=lambda: self._without_network.get_or_make(("masks", *key), masks),
            class_names=tuple(run.manifest.class_names),
        )

    def precision(self, run: Run, image: str) -> PrecisionChoice:
        """Which precision is best for this learner on this machine, measured once: on the first picture asked."""

        def measure() -> PrecisionChoice:
            from analysis.explain.precision import measure_precision

            return measure_precision(self.resident(run).loaded.model, self.batch(run, [image]), leave_at_exit)

        return self._measured.get_or_make(digest(run), measure)

    def report(
        self,
        run: Run,
        image: str,
        target: Target,
        methods: Sequence[str] = ("cam", "gradcam"),
        precision: str = AUTO,
    ) -> LayerReport:
        """The maps of some quick methods at every layer of the slider."""
        return self.maps.shown(self.subject(run, image, precision), target, methods, reader="").report

    def twin_effect(self, run: Run, image: str) -> TwinEffect | None:
        """What the shortcut of a demo picture does to the model, by drawing it away.

        None where the picture was drawn by another version of the demo, which has no twin of it.
        """

        def draw() -> Image | None:
            from PIL import Image as images

            from analysis.data.demo.dataset import is_current, twin

            if not is_current(Path(run.manifest.data_root).parent):
                return None
            return images.fromarray(twin(Path(image).stem))

        # Drawing takes long and needs no learner, so it is done before the learner is asked for.
        stamp = _stamp(run, image)
        without = self._without_network.get_or_make(("twin", digest(run), *stamp), draw)
        if without is None:
            return None

        def compute(resident: Resident) -> TwinEffect:
            logits = _logits(resident, [self.picture(run, image), without])
            return TwinEffect(np.asarray(without), logits[0], logits[1])

        return self._residents.result(self._results, run, ("twin", *stamp), compute)

    def planted(self, run: Run) -> pd.DataFrame:
        """What the demo's shortcut does to this learner, measured on its validation pictures."""

        def compute(resident: Resident) -> pd.DataFrame:
            from analysis.sweeps.planted import shortcut_effects, shortcut_summary

            return shortcut_summary(shortcut_effects(resident.loaded))

        return self._residents.result(self._results, run, "planted", compute)

    def keepdim_cases(
        self, run: Run, image: str, size: int, target: Target, batch: int | None, chapter: bool
    ) -> dict[str, KeepdimCase]:
        """Grad-CAM with and without `keepdim=True` at every layer, at an input of `size` pixels.

        `batch` copies of the picture make a batch; None is the chapter's code on a single one. `chapter`
        takes the chapter's ResNet-34 with random weights in place of the run's network.
        """

        def compute(network: nn.Module) -> dict[str, KeepdimCase]:
            from analysis.explain.studies.keepdim import keepdim_cases

            x = self.resident(run).loaded.batch([self.picture(run, image)], size=size)
            return keepdim_cases(network, x, target=target, batched=batch is not None, batch=batch or 1)

        return self._of_network(run, chapter, ("keepdim", *_stamp(run, image), size, target, batch), compute)

    def keepdim_table(
        self, run: Run, sizes: tuple[int, ...], batch: int | None, chapter: bool
    ) -> tuple[KeepdimCell, ...]:
        """Which layers raise, are silently wrong or right without `keepdim`, at each input size."""

        def compute(network: nn.Module) -> tuple[KeepdimCell, ...]:
            from analysis.explain.studies.keepdim import keepdim_table

            return tuple(keepdim_table(network, sizes, batched=batch is not None, batch=batch or 1))

        return self._of_network(run, chapter, ("keepdim table", sizes, batch), compute)

    def batch(self, run: Run, images: Sequence[str]) -> Tensor:
        """Pictures as the run's network takes them, (B, 3, S, S), normalised, on its device."""
        return self.resident(run).loaded.batch([self.picture(run, image) for image in images])

    def live(self, run: Run, image: str, what: object, ask: Callable[[Resident, Tensor], T]) -> T:
        """What `ask` finds out about the learner and a picture (1, 3, S, S); kept under the name `what`.

        `ask` has the learner to itself, and must leave it as it was. It may ask the service for anything else
        about this learner, but not about another one.
        """

        def compute(resident: Resident) -> T:
            return ask(resident, self.batch(run, [image]))

        return self._residents.result(self._live, run, (*_stamp(run, image), what), compute)

    # --- inside -----------------------------------------------------------------------------------

    def _of_network(self, run: Run, chapter: bool, key: tuple, compute: Callable[[nn.Module], T]) -> T:
        """A kept result of the run's network, or of the chapter's ResNet-34, which needs no learner's lock."""
        if not chapter:
            return self._residents.result(self._results, run, key, lambda resident: compute(resident.loaded.model))

        def make() -> nn.Module:
            from analysis.explain.studies.reference import untrained_resnet34

            return untrained_resnet34(classes).to(device)

        classes, device = len(run.manifest.class_names), self.resident(run).loaded.device
        store = self._without_network
        return store.get_or_make(
            ("chapter", digest(run), *key), lambda: compute(store.get_or_make(("resnet34", classes), make))
        )


def _load(run: Run) -> Resident:
    from analysis.learner.images.store import load
    from analysis.learner.probes.files import probes_of

    return Resident(load(run), probes_of(run))


def _logits(resident: Resident, pictures: list[Image]) -> np.ndarray:
    """(B, C) float32; for a thread that holds the learner."""
    import torch

    loaded = resident.loaded
    with torch.no_grad():
        return loaded.model.eval()(loaded.batch(pictures)).float().cpu().numpy()


def _stamp(run: Run, image: str) -> tuple[str, int, int]:
    """An image id with what changes when its file does; a missing file is found out on opening."""
    if image.startswith(UPLOAD):
        return image, 0, 0
    try:
        found = run.image_path(image).stat()
    except OSError:
        return image, 0, 0
    return image, found.st_mtime_ns, found.st_size


@st.cache_resource(show_spinner=False)
def _service_for(home_folder: str) -> Service:
    return Service()


def service() -> Service:
    """The process's service (one per `CAMLENS_HOME`, so that tests don't meet each other's)."""
    return _service_for(str(home()))
