"""The steps of a fit of an image classifier, each alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.data.images import open_image
from analysis.data.source import LabelledImages
from analysis.fitting import images as module
from analysis.fitting.fit import fit
from analysis.fitting.images import ImageSteps
from analysis.learner.images.store import load
from analysis.learner.training import TrainingError
from analysis.runs import Run
from tests.tiny import tiny_recipe

TEN = LabelledImages(
    "folder",
    "folder",
    Path("/x"),
    tuple(f"{n}.png" for n in range(10)),
    ("a", "b") * 5,
    (True,) * 2 + (False,) * 8,
)


def test_the_costs_count_the_passes_of_training_and_validation():
    """8 images to train on and 2 to validate, after each epoch; a pass there and back costs as much as 4."""
    recipe = replace(tiny_recipe(Path("/x")), freeze_epochs=2, epochs=3)
    costs = ImageSteps(recipe).stage_costs(TEN)
    assert costs["evaluate"] == 2
    assert costs["probes"] == 10
    assert costs["train"] == pytest.approx(2 * (3.3 * 8 + 2) + 3 * (4 * 8 + 2))
    # a frozen body that keeps its statistics needs no backward pass
    fixed = ImageSteps(replace(recipe, train_bn=False, pretrained=True)).stage_costs(TEN)
    assert fixed["train"] == pytest.approx(2 * (1.2 * 8 + 2) + 3 * (4 * 8 + 2))


def test_the_pooled_features_are_the_mean_of_each_channel(tiny_run: Run):
    loaded = load(tiny_run, "cpu")
    files = tiny_run.examples().names("valid")[:5]
    counts: list[int] = []
    features = ImageSteps(tiny_run.manifest.recipe).pooled_features(loaded, files, counts.append)
    with torch.no_grad():
        last = loaded.model[0](loaded.batch([open_image(tiny_run.image_path(file)) for file in files]))
    np.testing.assert_allclose(list(features.values())[-1], last.mean(dim=(2, 3)), atol=1e-5)
    assert counts[-1] == 5


def test_too_little_memory_says_what_to_make_smaller(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*args: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(module, "train", fail)
    with pytest.raises(TrainingError, match="batches of 16 images of 64 pixels. Fit with a smaller"):
        fit(tiny_recipe(tiny_folder), tmp_path / "run")
    assert not (tmp_path / "run").exists()
