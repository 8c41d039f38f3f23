"""What a loaded learner of any kind can be asked for, and the one door that loads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from analysis.progress import Report, silent
from analysis.runs import Run


class Loaded(Protocol):
    """A run's learner in evaluation mode."""

    run: Run
    device: torch.device

    def logits(self, files: Sequence[str], report: Report = silent) -> Tensor:
        """Return the logits (N, C), float64 on the CPU, of examples of the run, in the order given.

        Raises RunError where an example is missing.
        """
        ...

    def columns(self, files: Sequence[str]) -> dict[str, list[Any]]:
        """Return what the predictions table of this kind has besides."""
        ...


def load_any(run: Run) -> Loaded:
    """Bring a run's learner back, whatever it classifies; raises RunError."""
    if run.manifest.kind == "words":
        from analysis.learner.words.store import load_text

        return load_text(run)
    from analysis.learner.images.store import load

    return load(run)
