"""The steps of a fit of an image classifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from analysis.data.load import load_images
from analysis.data.source import LabelledImages
from analysis.explain import stage_layers
from analysis.learner.images.activations import RecordActivations, save_activations
from analysis.learner.images.finetune import train
from analysis.learner.images.store import BATCH, ImageLearner, load
from analysis.learner.images.weights import statistics
from analysis.learner.probes.collect import collect_features
from analysis.learner.steps import FitSteps, TrainingResult
from analysis.progress import Report
from analysis.recipes.images import ImageRecipe
from analysis.runs import ACTIVATIONS, Run, sha256


class ImageSteps(FitSteps[ImageRecipe, LabelledImages, ImageLearner]):
    """A fine-tune of an image classifier."""

    libraries = ("torch", "torchvision", "fastai", "timm", "pandas", "safetensors")

    def __init__(self, recipe: ImageRecipe) -> None:
        """Set the recipe, and the pixel statistics of its network."""
        super().__init__(recipe)
        self.normalize = statistics(recipe.arch)

    def load_data(self, report: Report) -> LabelledImages:
        """Return the labelled images."""
        recipe = self.recipe
        return load_images(recipe.source, recipe.task, recipe.path, recipe.seed, report)

    def stage_costs(self, data: LabelledImages) -> dict[str, float]:
        """Return the costs of the stages, in forward passes of one image."""
        n_valid = sum(data.valid)
        n_train = len(data.files) - n_valid
        cost_of_frozen_epoch = 3.3 if self.recipe.train_bn else 1.2
        frozen = self.recipe.freeze_epochs * (cost_of_frozen_epoch * n_train + n_valid)
        full = self.recipe.epochs * (4 * n_train + n_valid)
        return {"train": frozen + full, "evaluate": n_valid, "probes": n_train + n_valid}

    def train(self, data: LabelledImages, device: torch.device | None, report: Report) -> TrainingResult:
        """Fine-tune a learner, and record statistics of its activations meanwhile."""
        recorder = RecordActivations(_stage_names, self.recipe.size)
        learn, history = train(self.recipe, data, device, report, [recorder])

        def save_extras(folder: Path) -> dict[str, str]:
            activations = recorder.history()
            return {} if activations is None else {ACTIVATIONS: sha256(save_activations(activations, folder))}

        return TrainingResult(learn, history, save_extras)

    def load_learner(self, run: Run, data: LabelledImages, device: torch.device) -> ImageLearner:
        """Load what was saved."""
        return load(run, device)

    def pooled_features(self, loaded: ImageLearner, files: Sequence[str], report: Report) -> dict[str, np.ndarray]:
        """Return the average-pooled activations of each stage of the network."""
        blank = torch.zeros(1, 3, loaded.size, loaded.size, device=loaded.device)
        layers = _stage_names(loaded.model, blank)
        return collect_features(loaded.model, files, loaded.read, layers, BATCH, report)

    def keys(self, data: LabelledImages) -> Sequence[str]:
        """Return the file names."""
        return data.files

    def validation_keys(self, run: Run) -> set[str]:
        """Return the names of the validation pictures of an earlier run."""
        return set(run.examples().names("valid"))

    def difference(self, run: Run, data: LabelledImages) -> str:
        """Return how many files are new, gone or changed."""
        sizes = run.examples().sizes
        now = dict(zip(data.files, data.file_facts(), strict=True))
        both = sizes.keys() & now.keys()
        changed = sum(sizes[name] is not None and sizes[name] != now[name][0] for name in both)
        return f"{len(now.keys() - both):,} new, {len(sizes.keys() - both):,} gone, {changed:,} of another size"

    def memory_advice(self) -> str:
        """Return a sentence that says how to fit with less memory."""
        return (
            f"The GPU has too little free memory for batches of {self.recipe.batch_size} images of "
            f"{self.recipe.size} pixels. Fit with a smaller --batch-size or --size."
        )


def _stage_names(model: nn.Module, x: torch.Tensor) -> list[str]:
    return [layer.name for layer in stage_layers(model, x)]
