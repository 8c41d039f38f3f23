"""The steps of a fit that are those of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from analysis.data.load import load_images
from analysis.data.source import LabelledImages
from analysis.explain import stage_layers
from analysis.fitting.steps import FitSteps, Trained
from analysis.learner.images.activations import RecordActivations, save_activations
from analysis.learner.images.finetune import train
from analysis.learner.images.store import BATCH, LoadedLearner, load
from analysis.learner.images.weights import statistics
from analysis.learner.probes.collect import collect_features
from analysis.progress import Report
from analysis.recipes.images import Recipe
from analysis.runs import ACTIVATIONS, Run, sha256


class ImageSteps(FitSteps[Recipe, LabelledImages, LoadedLearner]):
    """A fine-tune of an image classifier."""

    libraries = ("torch", "torchvision", "fastai", "timm", "pandas", "safetensors")
    noun = "images"

    def __init__(self, recipe: Recipe) -> None:
        """Take the recipe."""
        super().__init__(recipe)
        self.normalize = statistics(recipe.arch)

    def data(self, report: Report) -> LabelledImages:
        """Return the labelled images."""
        recipe = self.recipe
        return load_images(recipe.source, recipe.task, recipe.path, recipe.seed, report)

    def work(self, data: LabelledImages) -> dict[str, float]:
        """Return what the stages cost, in forward passes of one image."""
        held = sum(data.valid)
        shown = len(data.files) - held
        frozen = 3.3 if self.recipe.train_bn else 1.2
        training = self.recipe.freeze_epochs * (frozen * shown + held) + self.recipe.epochs * (4 * shown + held)
        return {"train": training, "evaluate": held, "probes": shown + held}

    def train(self, data: LabelledImages, device: torch.device | None, report: Report) -> Trained:
        """Fine-tune a learner, and record its activations on the way."""
        recorder = RecordActivations(_stage_names, self.recipe.size)
        learn, history = train(self.recipe, data, device, report, [recorder])

        def keep(folder: Path) -> dict[str, str]:
            activations = recorder.history()
            return {} if activations is None else {ACTIVATIONS: sha256(save_activations(activations, folder))}

        return Trained(learn, history, keep)

    def load(self, run: Run, data: LabelledImages, device: torch.device) -> LoadedLearner:
        """Bring back what was saved."""
        return load(run, device)

    def features(self, loaded: LoadedLearner, files: Sequence[str], report: Report) -> dict[str, np.ndarray]:
        """Return the average-pooled activations of each stage of the network."""
        blank = torch.zeros(1, 3, loaded.size, loaded.size, device=loaded.device)
        layers = _stage_names(loaded.model, blank)
        return collect_features(loaded.model, files, loaded.read, layers, BATCH, report)

    def smaller(self) -> str:
        """Return how to fit with less memory."""
        return (
            f"The GPU has too little free memory for batches of {self.recipe.batch_size} images of "
            f"{self.recipe.size} pixels. Fit with a smaller --batch-size or --size."
        )


def _stage_names(model: nn.Module, x: torch.Tensor) -> list[str]:
    return [layer.name for layer in stage_layers(model, x)]
