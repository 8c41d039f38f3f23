"""What the pages may ask the learners of pictures.

Streamlit runs every browser session, and every quick second click, in a thread of its own. One model with
hooks on it can't serve two threads at a time (seen on this stack: crashes and silently wrong maps), so each
learner has a lock for whoever runs its network, one resident copy of it serves all sessions, and what was
computed is kept. Nothing is computed under a lock that readers of other things need; `residents` says in
which order locks are taken. Maps are made on the engine's own copies of the network, each with a lock of its
own, and need no learner's lock: see `MapStore`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
import streamlit as st

from analysis.home import home
from analysis.learner.images.examples import image_recipe
from analysis.runs import Run
from dashboard.backend.made_once import MadeOnce
from dashboard.backend.map_store import MapStore, Subject, Target
from dashboard.backend.pictures import Pictures, picture_key
from dashboard.backend.residents import Resident, Residents, digest, residents
from dashboard.backend.threads import leave_at_exit

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor, nn

    from analysis.explain.precision import PrecisionChoice
    from analysis.explain.report.layers import LayerReport
    from analysis.explain.studies.keepdim import KeepdimCase, KeepdimCell
    from analysis.learner.images.store import ImageLearner

AUTO = "auto"  # the precision that was measured to be best
T = TypeVar("T")


@dataclass(frozen=True)
class ShortcutEffect:
    """A demo picture drawn again without its shortcut, and the learner's scores for both.

    `picture` is (S, S, 3) uint8; `with_shortcut` and `without_shortcut` are (C,) float32 logits.
    """

    picture: np.ndarray
    with_shortcut: np.ndarray
    without_shortcut: np.ndarray


class Service:
    """What the pages may ask of pictures and their learners. One per process; safe from any thread.

    Attributes
    ----------
    pictures : reads pictures and prepares them
    maps : makes and keeps maps
    """

    def __init__(self, learners: Residents | None = None) -> None:
        """Take the learners in memory; none are there yet unless they are given."""
        self._residents = Residents() if learners is None else learners
        self.pictures = Pictures(self._residents)
        self.maps = MapStore(self.pictures)
        self._measured = MadeOnce(limit=8)
        self._without_network = MadeOnce(limit=32)  # made without a learner's lock
        self._results = MadeOnce(limit=96)  # made by threads that hold the learner, like the next one
        self._live = MadeOnce(limit=192)

    def resident(self, run: Run) -> Resident[ImageLearner]:
        """Return the run's learner in memory, loaded at the first call; see `Pictures.resident`."""
        return self.pictures.resident(run)

    def probabilities(self, run: Run, image: str) -> np.ndarray:
        """Return the class probabilities, (C,) float32, in vocabulary order."""

        def compute(resident: Resident[ImageLearner]) -> np.ndarray:
            from scipy.special import softmax

            return softmax(_logits(resident, [self.pictures.read(run, image)])[0])

        return self._result(self._results, run, ("probabilities", *picture_key(run, image)), compute)

    def precision(self, run: Run, image: str) -> PrecisionChoice:
        """Return the best precision for this learner on this machine, measured on the first picture asked for."""

        def measure() -> PrecisionChoice:
            from analysis.explain.precision import measure_precision

            model, x = self.resident(run).loaded.model, self.pictures.batch(run, [image])
            return measure_precision(model, x, leave_at_exit)

        return self._measured.get_or_make(digest(run), measure)

    def subject(self, run: Run, image: str, precision: str = AUTO) -> Subject:
        """Return a picture as maps are asked of it, in "fp32", "bf16" or in what was measured to be best."""
        return Subject(run, image, self.precision(run, image).precision if precision == AUTO else precision)

    def report(
        self,
        run: Run,
        image: str,
        target: Target,
        methods: Sequence[str] = ("cam", "gradcam"),
        precision: str = AUTO,
    ) -> LayerReport:
        """Return the maps of some quick methods at every layer of the slider."""
        return self.maps.report(self.subject(run, image, precision), target, methods, reader="").report

    def shortcut_effect(self, run: Run, image: str) -> ShortcutEffect | None:
        """Return what the shortcut in a demo picture does to the scores: the picture is drawn again without it.

        None where the picture was drawn by another version of the demo, which cannot draw it again.
        """

        def draw() -> Image | None:
            from PIL import Image as images

            from analysis.data.demo.dataset import is_current, twin

            if not is_current(Path(run.manifest.data_root).parent):
                return None
            return images.fromarray(twin(Path(image).stem))

        # Drawing takes long and needs no learner, so it is done before the learner is asked for.
        key = picture_key(run, image)
        without = self._without_network.get_or_make(("without shortcut", *key), draw)
        if without is None:
            return None

        def compute(resident: Resident[ImageLearner]) -> ShortcutEffect:
            logits = _logits(resident, [self.pictures.read(run, image), without])
            return ShortcutEffect(np.asarray(without), logits[0], logits[1])

        return self._result(self._results, run, ("shortcut", *key), compute)

    def shortcut_summary(self, run: Run) -> pd.DataFrame:
        """Return what the demo's shortcut does to this learner, measured on its validation pictures."""

        def compute(resident: Resident[ImageLearner]) -> pd.DataFrame:
            from analysis.sweeps.planted import shortcut_effects, shortcut_summary

            return shortcut_summary(shortcut_effects(resident.loaded))

        return self._result(self._results, run, "shortcut summary", compute)

    def keepdim_cases(
        self, run: Run, image: str, size: int, target: Target, batch: int | None, chapter: bool
    ) -> dict[str, KeepdimCase]:
        """Return Grad-CAM with and without `keepdim=True` at every layer, at an input of `size` pixels.

        `batch` copies of the picture make a batch; None is the chapter's code on a single one. `chapter`
        takes the chapter's ResNet-34 with random weights in place of the run's network.
        """

        def compute(network: nn.Module) -> dict[str, KeepdimCase]:
            from analysis.explain.studies.keepdim import keepdim_cases

            x = self.resident(run).loaded.batch([self.pictures.read(run, image)], size=size)
            return keepdim_cases(network, x, target=target, batched=batch is not None, batch=batch or 1)

        return self._of_network(run, chapter, ("keepdim", *picture_key(run, image), size, target, batch), compute)

    def keepdim_table(
        self, run: Run, sizes: tuple[int, ...], batch: int | None, chapter: bool
    ) -> tuple[KeepdimCell, ...]:
        """Return which layers raise, are silently wrong or right without `keepdim`, at each input size."""

        def compute(network: nn.Module) -> tuple[KeepdimCell, ...]:
            from analysis.explain.studies.keepdim import keepdim_table

            return tuple(keepdim_table(network, sizes, batched=batch is not None, batch=batch or 1))

        return self._of_network(run, chapter, ("keepdim table", sizes, batch), compute)

    def live(
        self, run: Run, image: str, name: object, experiment: Callable[[Resident[ImageLearner], Tensor], T]
    ) -> T:
        """Return the result of an experiment on the learner and a picture (1, 3, S, S), kept under its name.

        The experiment has the learner to itself, and must leave it as it was. It may ask the service for anything
        else about this learner, but not about another one.
        """

        def compute(resident: Resident[ImageLearner]) -> T:
            return experiment(resident, self.pictures.batch(run, [image]))

        return self._result(self._live, run, (*picture_key(run, image), name), compute)

    def _result(self, store: MadeOnce, run: Run, key: object, compute: Callable[[Resident[ImageLearner]], T]) -> T:
        """Return a kept result of the run's learner; raises RunError for a run of another kind."""
        image_recipe(run)
        return self._residents.result(store, run, key, compute)

    def _of_network(self, run: Run, chapter: bool, key: tuple, compute: Callable[[nn.Module], T]) -> T:
        """Return a kept result of the run's network, or of the chapter's ResNet-34, which needs no lock."""
        if not chapter:
            return self._result(self._results, run, key, lambda resident: compute(resident.loaded.model))

        def make() -> nn.Module:
            from analysis.explain.studies.reference import untrained_resnet34

            return untrained_resnet34(classes).to(device)

        classes, device = len(run.manifest.class_names), self.resident(run).loaded.device
        store = self._without_network
        return store.get_or_make(
            ("chapter", digest(run), *key), lambda: compute(store.get_or_make(("resnet34", classes), make))
        )


def _logits(resident: Resident[ImageLearner], pictures: list[Image]) -> np.ndarray:
    """Return the logits (B, C) float32; for a thread that holds the learner."""
    import torch

    loaded = resident.loaded
    with torch.no_grad():
        return loaded.model.eval()(loaded.batch(pictures)).float().cpu().numpy()


@st.cache_resource(show_spinner=False)
def _service_for(home_folder: str) -> Service:
    return Service(residents())


def service() -> Service:
    """Return the process's service (one for each `CAMLENS_HOME`: tests do not share it)."""
    return _service_for(str(home()))
