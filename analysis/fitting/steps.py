"""What a fit of images and a fit of words do differently: the steps, in their order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from fastai.learner import Learner

from analysis.data.labelled import Labelled
from analysis.learner.loaded import Loaded
from analysis.progress import Report
from analysis.recipes.base import RecipeBase
from analysis.runs import Run, Statistics

R = TypeVar("R", bound=RecipeBase)
D = TypeVar("D", bound=Labelled)
L = TypeVar("L", bound=Loaded)


@dataclass(frozen=True)
class Trained:
    """A trained learner and what else its training gave.

    Attributes
    ----------
    learn : fastai's Learner
    history : one row an epoch
    keep : writes further files of the run into a folder, and returns the sha256 of each by name
    """

    learn: Learner
    history: Sequence[Mapping[str, Any]]
    keep: Callable[[Path], dict[str, str]]


class FitSteps(ABC, Generic[R, D, L]):
    """The steps of a fit for recipes R, on data D, to learners L.

    Attributes
    ----------
    recipe : what is followed
    libraries : those whose versions decide what comes out
    normalize : the pixels' statistics, of images
    noun : what the examples are called in messages, plural
    """

    libraries: tuple[str, ...]
    noun: str
    normalize: Statistics = ((), ())

    def __init__(self, recipe: R) -> None:
        """Take the recipe."""
        self.recipe = recipe

    def settle(self, report: Report) -> tuple[str, ...]:
        """Change the recipe where it cannot be followed here, before anything else; say so in sentences."""
        return ()

    @abstractmethod
    def data(self, report: Report) -> D:
        """Return the labelled examples, made or downloaded first where that is needed."""

    @abstractmethod
    def work(self, data: D) -> dict[str, float]:
        """Return what the stages "train", "evaluate" and "probes" cost, in forward passes of one example."""

    @abstractmethod
    def train(self, data: D, device: torch.device | None, report: Report) -> Trained:
        """Train a learner."""

    @abstractmethod
    def load(self, run: Run, data: D, device: torch.device) -> L:
        """Bring back what was saved; `data` is what the run was made from."""

    @abstractmethod
    def features(self, loaded: L, files: Sequence[str], report: Report) -> dict[str, np.ndarray]:
        """Return what a linear probe of each layer learns from: {layer: (N, C)}, in forward order.

        `report` receives stage "probes".
        """

    @abstractmethod
    def smaller(self) -> str:
        """Return how to fit with less memory, as a sentence."""
