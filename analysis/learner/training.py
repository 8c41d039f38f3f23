"""What every training with fastai needs: a device, progress, a history, and a check of the weights."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import torch
from fastai.callback.core import Callback
from fastai.learner import Learner

from analysis.errors import CamLensError
from analysis.progress import ProgressEvent, Report


class TrainingError(CamLensError, RuntimeError):
    """The training cannot start or failed; the message says why and what to do."""


def best_device() -> torch.device:
    """Return CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def check_finite(learn: Learner) -> None:
    """Raise TrainingError where a weight is infinite or not a number."""
    if not all(bool(torch.isfinite(value).all()) for value in learn.model.state_dict().values()):
        raise TrainingError(
            "The training diverged: some weights are infinite or not a number. Fit with a lower learning rate."
        )


class TrainingProgress(Callback):
    """Report every batch of a training, and collect a row for each epoch.

    The events' fraction takes into account that batches need different times.

    Parameters
    ----------
    epochs : number of epochs that train all layers
    report : receives stage "train", fraction of the training
    freeze_epochs : number of epochs before them, which train the head alone
    frozen_cost, full_cost : time of a training batch of either phase, in validation batches

    Attributes
    ----------
    history : for each epoch "phase", "epoch", "seconds", and the losses and error rate that fastai recorded
    """

    order = 60  # after fastai's Recorder

    def __init__(
        self,
        epochs: int,
        report: Report,
        freeze_epochs: int = 0,
        frozen_cost: float = 1.0,
        full_cost: float = 1.0,
    ) -> None:
        self.epochs, self.freeze_epochs, self.report = epochs, freeze_epochs, report
        self.costs = {"frozen": frozen_cost, "full": full_cost}
        self.history: list[dict[str, Any]] = []
        self.done = 0.0

    def _total(self) -> float:
        batches, checks = len(self.dls.train), len(self.dls.valid)
        frozen = self.freeze_epochs * (batches * self.costs["frozen"] + checks)
        return frozen + self.epochs * (batches * self.costs["full"] + checks)

    @property
    def phase(self) -> str:
        """Return the phase of the current epoch, "frozen" or "full"."""
        return "frozen" if len(self.history) < self.freeze_epochs else "full"

    def before_epoch(self) -> None:
        """Note the time."""
        self.started = time.perf_counter()

    def after_batch(self) -> None:
        """Report one batch."""
        self.done += self.costs[self.phase] if self.training else 1.0
        epochs, epoch = self.freeze_epochs + self.epochs, len(self.history) + 1
        batch, batches = self.iter + 1, self.n_iter
        loss = float(self.smooth_loss) if math.isfinite(float(self.smooth_loss)) else None
        what = "batch" if self.training else "validation batch"
        message = f"Epoch {epoch} of {epochs}, {what} {batch} of {batches}"
        if loss is not None and self.training:
            message += f", loss {loss:.2f}"
        share = self.done / self._total()
        self.report(ProgressEvent("train", message, share, epoch, epochs, batch, batches, loss))

    def after_epoch(self) -> None:
        """Add the epoch's row to the history."""
        names: Sequence[str] = self.recorder.metric_names
        row = dict(zip(names, self.recorder.log, strict=False))
        kept: dict[str, float] = {
            key: float(row[key]) for key in ("train_loss", "valid_loss", "error_rate") if key in row
        }
        kept["seconds"] = round(time.perf_counter() - self.started, 2)
        self.history.append({"phase": self.phase, "epoch": len(self.history) + 1, **kept})
