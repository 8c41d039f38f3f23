"""From a recipe and DataLoaders to a fine-tuned fastai Learner."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
from fastai.callback.core import Callback, TrainEvalCallback
from fastai.callback.schedule import fine_tune  # noqa: F401  patches Learner
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.metrics import error_rate
from fastai.torch_core import set_seed
from fastai.vision.learner import vision_learner
from torch import nn
from torchvision import models

from analysis.data.source import LabelledImages
from analysis.learner.images.dataloaders import items, make_dataloaders, plain_image_errors
from analysis.learner.images.weights import fetch_torchvision, load_lite, statistics
from analysis.learner.memory import keep_freed_memory
from analysis.learner.training import TrainingError, TrainingProgress, best_device, check_finite
from analysis.progress import ProgressEvent, Report, silent
from analysis.recipes.images import ImageRecipe

_HEADS: dict[str, dict[str, Any]] = {"linear": {"concat_pool": False, "lin_ftrs": []}, "book": {}}
_MAX_WORKERS = 8


def loader_workers(device: torch.device) -> int:
    """Return the number of processes that decode images: on a CPU none, because the network needs all cores."""
    return min(_MAX_WORKERS, os.cpu_count() or 1) if device.type == "cuda" else 0


def build_learner(recipe: ImageRecipe, dls: DataLoaders, pretrained: bool, report: Report = silent) -> Learner:
    """Return fastai's `vision_learner` for a recipe, on the DataLoaders' device.

    Parameters
    ----------
    pretrained : begin with ImageNet weights, else with random ones
    report : receives stage "weights"

    Raises
    ------
    WeightsError : the ImageNet weights cannot be downloaded or read
    """
    options: dict[str, Any] = {**_HEADS[recipe.head], "metrics": error_rate, "train_bn": recipe.train_bn}
    if recipe.arch == "efficientnet_lite0":
        # timm would download weights of its own; the installed package has them already
        learn = vision_learner(dls, recipe.arch, pretrained=False, **options)
        if pretrained:
            load_lite(learn.model[0].model)
    else:
        if pretrained:
            fetch_torchvision(recipe.arch, report)
        learn = vision_learner(dls, getattr(models, recipe.arch), pretrained=pretrained, **options)
    learn.model.to(dls.device)
    if dls.device.type == "cpu":
        # measured on 2 cores: a training step of EfficientNet-Lite0 takes 47 ms an image, not 66
        learn.model.to(memory_format=torch.channels_last)
    return learn


def train(
    recipe: ImageRecipe,
    images: LabelledImages,
    device: torch.device | None = None,
    report: Report = silent,
    listeners: Sequence[Callback] = (),
) -> tuple[Learner, list[dict[str, Any]]]:
    """Fine-tune a learner; return it with its history, a row for each epoch.

    On CUDA it trains in mixed precision, on a CPU in float32; the weights are float32 on both.

    Parameters
    ----------
    device : None for CUDA where there is one, else the CPU
    report : receives stages "weights" and "train"; fraction of these two together
    listeners : more callbacks for the fine-tune

    Raises
    ------
    WeightsError : the ImageNet weights cannot be downloaded or read
    ImageError : a training image is damaged
    TrainingError : there are too few images, or the training diverged
    """
    device = device or best_device()
    if device.type == "cpu":
        keep_freed_memory()
    set_seed(recipe.seed, reproducible=True)
    training, validation = items(images, valid=False), items(images, valid=True)
    if len(training) < 2 or not validation:
        raise TrainingError(
            f"{len(training)} training and {len(validation)} validation images are too few. Add images."
        )
    dls = make_dataloaders(
        training, validation, images.vocabulary(), recipe.size, statistics(recipe.arch), device,
        recipe.batch_size, loader_workers(device),
    )  # fmt: skip
    started = "with ImageNet weights" if recipe.pretrained else "from scratch"
    report(ProgressEvent("weights", f"Building {recipe.arch} {started}", 0.0))
    learn = build_learner(recipe, dls, recipe.pretrained, report)
    if device.type == "cuda":
        learn = learn.to_fp16()
    # time of a training batch, in validation batches; measured with EfficientNet-Lite0 on a CPU
    frozen_cost = 3.3 if recipe.train_bn else 1.2
    progress = TrainingProgress(recipe.epochs, report, recipe.freeze_epochs, frozen_cost, full_cost=4.0)
    callbacks = [progress, *listeners] if recipe.train_bn else [progress, KeepStatistics(), *listeners]
    with learn.no_bar(), learn.no_logging(), plain_image_errors():
        learn.fine_tune(recipe.epochs, base_lr=recipe.base_lr, freeze_epochs=recipe.freeze_epochs, cbs=callbacks)
    if device.type == "cuda":
        learn = learn.to_fp32()
    learn.model.eval()
    check_finite(learn)
    return learn, progress.history


class KeepStatistics(Callback):
    """Keep the body's BatchNorm layers in evaluation mode in all epochs, so that their statistics stay.

    fastai's own BnFreeze does this only for frozen layers.
    """

    run_after = TrainEvalCallback

    def before_train(self) -> None:
        """Switch these layers back to evaluation mode after `model.train()`."""
        for module in self.model[0].modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
