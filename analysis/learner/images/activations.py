"""Statistics of a network's activations during the fine-tune, by fastai's own ActivationStats.

They are recorded at some layers for single training batches, and are part of the run as one safetensors file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.callback.hook import ActivationStats
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import nn

from analysis.runs import ACTIVATIONS, Run, RunError, check_digest

BINS = 40
HIGHEST = 10.0
"""fastai's histogram: 40 bins from 0 to 10; values outside are not counted."""

NEAR_ZERO = 0.05
"""fastai counts every value up to this one as near zero, also negative ones."""

_FORMAT = "camlens-activations-1"
_IMAGES = 16  # of each batch: the statistics differ by less than a percent, at a fraction of the time
_MOST_RECORDS = 100  # in each phase

LayersOf = Callable[[nn.Module, torch.Tensor], Sequence[str]]


@dataclass(frozen=True)
class ActivationHistory:
    """Statistics of the layers' outputs during the fine-tune, of L layers and T training batches.

    Attributes
    ----------
    layers : names of the modules, in forward order
    phases : ("frozen" or "full", number of records) for each phase, in their order; the numbers add up to T
    every : for each phase, n where every n-th training batch was recorded
    mean, std, near_zero : (L, T) float32; `near_zero` is the share of values up to `NEAR_ZERO`
    histogram : (L, T, 40) float32, counts of the values from 0 to 10
    """

    layers: tuple[str, ...]
    phases: tuple[tuple[str, int], ...]
    every: tuple[int, ...]
    mean: np.ndarray
    std: np.ndarray
    near_zero: np.ndarray
    histogram: np.ndarray


class RecordActivations(ActivationStats):
    """fastai's ActivationStats at chosen layers, over both phases of a `fine_tune`.

    fastai's own callback forgets its records at every `fit`, so only the last phase of a `fine_tune` would remain.
    """

    def __init__(self, layers_of: LayersOf, size: int) -> None:
        """Set a function that returns the layers' names for a model and a blank batch (1, 3, size, size)."""
        super().__init__(with_hist=True, cpu=False)
        self.layers_of, self.size = layers_of, size
        self.names: tuple[str, ...] = ()
        self.fits: list[tuple[int, Any]] = []  # (every, records) of each fit

    def before_fit(self) -> None:
        """Choose the layers at the first fit, and how many batches of this fit are recorded."""
        if not self.names:
            blank = next(self.model.parameters()).new_zeros(1, 3, self.size, self.size)
            self.names = tuple(self.layers_of(self.model, blank))
            # fastai's name for the layers; setattr would warn that the model has an attribute of this name too
            self.__dict__["modules"] = [self.model.get_submodule(name) for name in self.names]
        self.every = max(1, len(self.dls.train) // _MOST_RECORDS)
        super().before_fit()
        self.fits.append((self.every, self.stats))

    def hook(self, m: nn.Module, i: Any, o: torch.Tensor) -> dict[str, Any]:
        """Return fastai's statistics of the first images of the batch."""
        return super().hook(m, i, o[:_IMAGES])

    def history(self) -> ActivationHistory | None:
        """Return the records of all phases, None where there are none."""
        kept = [(every, list(records)) for every, records in self.fits if len(records)]
        if not kept:
            return None
        phases = ("frozen", "full") if len(kept) == 2 else ("full",)
        of_layers = list(zip(*(record for _, records in kept for record in records), strict=True))

        def numbers(name: str) -> np.ndarray:
            return np.array([[record[name] for record in layer] for layer in of_layers], dtype=np.float32)

        return ActivationHistory(
            layers=self.names,
            phases=tuple((phase, len(records)) for phase, (_, records) in zip(phases, kept, strict=True)),
            every=tuple(every for every, _ in kept),
            mean=numbers("mean"),
            std=numbers("std"),
            near_zero=numbers("near_zero"),
            histogram=np.stack(
                [torch.stack([record["hist"] for record in layer]).float().cpu().numpy() for layer in of_layers]
            ),
        )


def save_activations(history: ActivationHistory, folder: Path) -> Path:
    """Write a history to `activations.safetensors` in a folder and return the path of that file."""
    path = folder / ACTIVATIONS
    facts = {"layers": history.layers, "phases": history.phases, "every": history.every}
    tensors = {name: getattr(history, name) for name in ("mean", "std", "near_zero", "histogram")}
    save_file(tensors, path, metadata={"format": _FORMAT, "facts": json.dumps(facts)})
    return path


def load_activations(run: Run) -> ActivationHistory | None:
    """Read a run's history; return None where it has none, as runs of older versions.

    Raises
    ------
    RunError : the file does not match the manifest's sha256, or does not hold activation statistics
    """
    if ACTIVATIONS not in run.manifest.files:
        return None
    cure = run.how_to_retrain()
    check_digest(run, ACTIVATIONS, cure)
    try:
        with safe_open(run.path / ACTIVATIONS, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise RunError(f"{run.path / ACTIVATIONS} does not hold activation statistics. {cure}")
            facts = json.loads(metadata["facts"])
            return ActivationHistory(
                layers=tuple(facts["layers"]),
                phases=tuple((name, count) for name, count in facts["phases"]),
                every=tuple(facts["every"]),
                **{name: file.get_tensor(name) for name in ("mean", "std", "near_zero", "histogram")},
            )
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{run.path / ACTIVATIONS} cannot be read ({error}). {cure}") from error
