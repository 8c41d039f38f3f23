"""What a loaded learner of any kind can be asked for, and the function that loads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from analysis.kinds import kind_of, resolve
from analysis.progress import Report, silent
from analysis.runs import Run


@runtime_checkable
class LoadedLearner(Protocol):
    """A run's learner in evaluation mode.

    Attributes
    ----------
    run : the run it was loaded from
    device : where the model is
    """

    run: Run
    device: torch.device

    @property
    def model(self) -> nn.Module:
        """Return the network, from a batch to logits (B, C)."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the C classes as shown to a person, in the order of the logits."""
        ...

    def view(self, example: Any) -> Any:
        """Return one example as the network sees it, for a page to show."""
        ...

    def batch(self, examples: Any) -> Tensor:
        """Return examples as one batch for the network, on its device."""
        ...

    def logits(self, files: Sequence[str], report: Report = silent) -> Tensor:
        """Return the logits (N, C), float64 on the CPU, of examples of the run, in the order given.

        Raises RunError where an example is missing.
        """
        ...

    def columns(self, files: Sequence[str]) -> dict[str, list[Any]]:
        """Return the columns that only this kind has in the predictions table."""
        ...


def load_any(run: Run) -> LoadedLearner:
    """Load a run's learner, whatever its kind; raises RunError."""
    return resolve(kind_of(run.manifest.recipe).load)(run)
