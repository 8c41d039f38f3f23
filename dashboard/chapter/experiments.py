"""Run the experiments of the Chapter page, each once, and check that the learner stays as it was."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from analysis.runs import Run
from dashboard.backend.images import service
from dashboard.backend.residents import Resident
from dashboard.images.chosen_image import ChosenImage

if TYPE_CHECKING:
    from torch import Tensor

    from analysis.chapter.subject import Subject

T = TypeVar("T")
OTHERS = 30
"""From how many other validation pictures the batches of training mode are filled."""


@dataclass
class Experiments:
    """The experiments of one view of the Chapter page, on one learner and one picture.

    Attributes
    ----------
    run, image : the learner and the picture.
    states : (digest before, digest after) of the learner's network, one pair for each experiment.
    """

    run: Run
    image: ChosenImage
    states: list[tuple[str, str]] = field(default_factory=list)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The class names, in the order of the network's outputs."""
        return self.run.manifest.class_names

    def perform(self, name: object, experiment: Callable[[Subject, Resident], T]) -> T:
        """Return the result of an experiment, which runs once for each learner, picture and name."""

        def run(resident: Resident, x: Tensor) -> tuple[T, str, str]:
            from analysis.chapter.subject import Subject, state_digest

            before = state_digest(resident.loaded.model)
            result = experiment(Subject(resident.loaded.model, x), resident)
            return result, before, state_digest(resident.loaded.model)

        result, before, after = service().live(self.run, self.image.id, name, run)
        self.states.append((before, after))
        return result

    def others(self) -> Tensor | None:
        """Return other validation pictures, (N, 3, S, S), the same ones every time; None where there are none."""
        files = [file for file in self.run.examples().names("valid") if file != self.image.id]
        chosen = random.Random(0).sample(files, min(OTHERS, len(files)))
        return service().pictures.batch(self.run, chosen) if chosen else None

    def picture(self) -> np.ndarray:
        """Return the picture as the network receives it, (S, S, 3) uint8."""
        return service().pictures.view(self.run, self.image.id)
