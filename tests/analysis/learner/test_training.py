"""Training: progress that is weighed by time, a row for each epoch, and weights that are checked."""

from __future__ import annotations

import fastai.callback.progress
import fastai.callback.schedule  # noqa: F401  both patch Learner
import pytest
import torch
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from torch import nn
from torch.utils.data import TensorDataset

from analysis.learner.training import TrainingError, TrainingProgress, best_device, check_finite
from analysis.progress import ProgressEvent


def learner(train: int = 6, valid: int = 4) -> Learner:
    """A linear regression on batches of two: three to train with, two to validate."""
    torch.manual_seed(0)
    parts = [TensorDataset(torch.randn(count, 3), torch.randn(count, 1)) for count in (train, valid)]
    dls = DataLoaders.from_dsets(*parts, bs=2, device=torch.device("cpu"), drop_last=False, num_workers=0)
    return Learner(dls, nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)), loss_func=nn.MSELoss(), splitter=halves)


def halves(model: nn.Sequential) -> list[list[nn.Parameter]]:
    return [list(part.parameters()) for part in model]


def test_progress_weighs_batches_by_their_time_and_ends_at_one():
    events: list[ProgressEvent] = []
    progress = TrainingProgress(2, events.append, freeze_epochs=1, frozen_cost=2.0, full_cost=5.0)
    learn = learner()
    with learn.no_bar(), learn.no_logging():
        learn.fine_tune(2, freeze_epochs=1, cbs=[progress])
    # three training batches and two validation batches an epoch: 3 * 2 + 2, then twice 3 * 5 + 2
    costs = [2, 2, 2, 1, 1] + [5, 5, 5, 1, 1] * 2
    expected = [sum(costs[: place + 1]) / 42 for place in range(15)]
    assert [event.fraction for event in events] == pytest.approx(expected)
    assert [(event.epoch, event.epochs) for event in events[::5]] == [(1, 3), (2, 3), (3, 3)]
    assert [(event.batch, event.batches) for event in events[:5]] == [(1, 3), (2, 3), (3, 3), (1, 2), (2, 2)]
    assert events[0].message.startswith("Epoch 1 of 3, batch 1 of 3, loss ")
    assert events[4].message == "Epoch 1 of 3, validation batch 2 of 2"
    assert {event.stage for event in events} == {"train"}


def test_the_history_has_fastais_losses_for_each_epoch():
    learn, progress = learner(), TrainingProgress(2, lambda event: None, freeze_epochs=1)
    with learn.no_bar(), learn.no_logging():
        learn.fine_tune(2, freeze_epochs=1, cbs=[progress])
    assert [(row["phase"], row["epoch"]) for row in progress.history] == [("frozen", 1), ("full", 2), ("full", 3)]
    assert all(row["seconds"] >= 0 for row in progress.history)
    # fastai's recorder keeps the rows of the last fit: the two full epochs
    for row, (train_loss, valid_loss) in zip(progress.history[1:], learn.recorder.values, strict=True):
        assert (row["train_loss"], row["valid_loss"]) == (train_loss, valid_loss)


def test_a_loss_that_is_not_a_number_is_left_out_of_the_events():
    events: list[ProgressEvent] = []
    learn = learner()
    nn.init.constant_(learn.model[0].weight, float("nan"))
    with learn.no_bar(), learn.no_logging():
        learn.fit(1, cbs=[TrainingProgress(1, events.append)])
    assert {event.loss for event in events} == {None}
    assert "loss" not in events[0].message
    assert events[-1].fraction == pytest.approx(1)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_diverged_are_refused(value: float):
    learn = learner()
    check_finite(learn)
    with torch.no_grad():
        learn.model[1].bias[0] = value
    with pytest.raises(TrainingError, match="diverged.*lower learning rate"):
        check_finite(learn)


@pytest.mark.parametrize("present", [True, False])
def test_cuda_is_preferred_where_there_is_one(present: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: present)
    assert best_device().type == ("cuda" if present else "cpu")
