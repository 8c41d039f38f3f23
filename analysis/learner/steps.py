"""The steps of a fit, in their order: what each kind of learner does in its own way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from fastai.learner import Learner

from analysis.data.labelled import LabelledExamples
from analysis.learner.loaded import LoadedLearner
from analysis.manifest import Statistics
from analysis.progress import Report
from analysis.recipes.base import RecipeBase
from analysis.runs import Run

R = TypeVar("R", bound=RecipeBase)
D = TypeVar("D", bound=LabelledExamples)
L = TypeVar("L", bound=LoadedLearner)


@dataclass(frozen=True)
class TrainingResult:
    """A trained learner and what else its training produced.

    Attributes
    ----------
    learner : fastai's Learner
    history : one row for each epoch
    save_extras : writes the run's further files into a folder, and returns file name -> sha256
    """

    learner: Learner
    history: Sequence[Mapping[str, Any]]
    save_extras: Callable[[Path], dict[str, str]]


class FitSteps(ABC, Generic[R, D, L]):
    """The steps of a fit for recipes R, on data D, to learners L.

    Attributes
    ----------
    recipe : the recipe that the fit follows
    libraries : names of the libraries whose versions the manifest records
    normalize : mean and standard deviation of the pixels; empty for words
    """

    libraries: tuple[str, ...]
    normalize: Statistics = ((), ())

    def __init__(self, recipe: R) -> None:
        """Set the recipe."""
        self.recipe = recipe

    def adapt_recipe(self, report: Report) -> tuple[str, ...]:
        """Change what this machine cannot do in the recipe; return a sentence for each change."""
        return ()

    @abstractmethod
    def load_data(self, report: Report) -> D:
        """Return the labelled examples; draw or download them first where they are missing."""

    @abstractmethod
    def stage_costs(self, data: D) -> dict[str, float]:
        """Return the costs of the stages "train", "evaluate" and "probes", in forward passes of one example."""

    @abstractmethod
    def train(self, data: D, device: torch.device | None, report: Report) -> TrainingResult:
        """Train a learner."""

    @abstractmethod
    def load_learner(self, run: Run, data: D, device: torch.device) -> L:
        """Load the learner that was saved in a run; `data` are the examples of that run."""

    @abstractmethod
    def pooled_features(self, loaded: L, files: Sequence[str], report: Report) -> dict[str, np.ndarray]:
        """Return the features for a linear probe of each layer: {layer: (N, C)}, in forward order.

        `report` receives stage "probes".
        """

    @abstractmethod
    def keys(self, data: D) -> Sequence[str]:
        """Return by what each example is recognised in other data of the same recipe."""

    @abstractmethod
    def validation_keys(self, run: Run) -> set[str]:
        """Return the same of the validation examples of an earlier run."""

    @abstractmethod
    def difference(self, run: Run, data: D) -> str:
        """Return in a few words how the examples of an earlier run and those of now differ."""

    @abstractmethod
    def memory_advice(self) -> str:
        """Return a sentence that says how to fit with less memory."""
