"""The experiment on a small demo, with a network whose logits are worked out from the pixels; its medians."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from analysis.data.demo.dataset import is_current, make_demo, twin
from analysis.data.demo.plan import DemoParameters
from analysis.data.demo.truth import read_truth
from analysis.data.labelled import DataError
from analysis.sweeps import planted

SMALL = DemoParameters(n_train=4, n_valid=16)
CELL = 32  # the network's one layer averages the colours of 32 x 32 pixels: 7 x 7 cells
WEIGHT = np.array([[9.0, -7.0, 1.0], [-1.0, 2.0, 0.5]])  # of the mean red, green and blue; rows are dog and cat
BIAS = np.array([0.25, 1.0])


class ColourLearner:
    """What `shortcut_effects` asks of a loaded learner: logits that are affine in the picture's mean colour."""

    def __init__(self, images: Path, table: pd.DataFrame) -> None:
        recipe = SimpleNamespace(source="demo", task="species")
        manifest = SimpleNamespace(recipe=recipe, data_root=str(images))
        self.run = SimpleNamespace(name="colours", manifest=manifest, predictions=lambda columns: table[columns])
        average, linear = nn.Conv2d(3, 3, CELL, stride=CELL, bias=False), nn.Linear(3, 2)
        with torch.no_grad():
            average.weight.copy_(torch.eye(3)[:, :, None, None].expand(3, 3, CELL, CELL) / CELL**2)
            linear.weight.copy_(torch.tensor(WEIGHT))
            linear.bias.copy_(torch.tensor(BIAS))
        self.model = nn.Sequential(average, nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear).eval()

    def batch(self, images: list[Image.Image]) -> torch.Tensor:
        return torch.stack([torch.tensor(np.asarray(image) / 255).float().permute(2, 0, 1) for image in images])

    def mask_view(self, mask: np.ndarray) -> np.ndarray:
        return mask


def logits_of(pixels: np.ndarray) -> np.ndarray:
    return WEIGHT @ (pixels / 255).mean(axis=(0, 1)) + BIAS


def by_cells(values: np.ndarray) -> np.ndarray:
    return values.reshape(7, CELL, 7, CELL, *values.shape[2:]).mean(axis=(1, 3))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_demo(tmp_path_factory.mktemp("planted") / "demo", parameters=SMALL, workers=1)


@pytest.fixture
def effects(images: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.setattr(planted, "twin", partial(twin, parameters=SMALL))
    monkeypatch.setattr(planted, "is_current", partial(is_current, parameters=SMALL))
    rows = [row for row in read_truth(images.parent).values() if row.split == "valid"]
    table = pd.DataFrame(
        {"path": [row.file for row in rows], "label": [row.species for row in rows], "predicted": "dog"}
    )
    return planted.shortcut_effects(ColourLearner(images, table))


def test_every_validation_picture_with_the_shortcut_is_measured(effects: pd.DataFrame, images: Path):
    rows = read_truth(images.parent)
    assert set(effects["path"]) == {file for file, row in rows.items() if row.split == "valid" and row.shortcut}
    assert len(effects) == 8
    assert all(rows[row.path].species == row.label for row in effects.itertuples())


def test_logit_change_is_dog_minus_cat_with_the_shortcut_minus_without(effects: pd.DataFrame, images: Path):
    flips = []
    for row in effects.itertuples():
        present = logits_of(np.asarray(Image.open(images / row.path)))
        absent = logits_of(twin(Path(row.path).stem, parameters=SMALL))
        change = (present[0] - present[1]) - (absent[0] - absent[1])
        assert abs(change) > 0.01  # more than rounding: the sign is tested too
        assert row.logit_change == pytest.approx(change, abs=1e-4)
        flips.append(np.argmax(present) != np.argmax(absent))
    assert effects["flips"].tolist() == flips


def test_the_map_at_the_shortcut_and_at_the_animal(effects: pd.DataFrame, images: Path):
    for row in effects.itertuples():
        pixels = np.asarray(Image.open(images / row.path)) / 255
        cam = by_cells(pixels) @ (WEIGHT[0] - WEIGHT[1])  # "dog rather than cat"
        assert (cam > 0).any()
        annotations, name = images.parent / "annotations", f"{Path(row.path).stem}.png"
        shortcut = np.asarray(Image.open(annotations / "shortcuts" / name)) == 255
        animal = np.asarray(Image.open(annotations / "trimaps" / name)) != 2
        for mask, z_score in ((shortcut, row.z_shortcut), (animal, row.z_animal)):
            share = by_cells(mask.astype(float))
            inside = (cam * share).sum() / share.sum()
            assert z_score == pytest.approx((inside - cam.mean()) / cam.std(), abs=1e-3)
        hot = np.clip(cam, 0, None)
        energy = (hot * by_cells(shortcut.astype(float))).sum() / hot.sum()
        assert row.energy_ratio == pytest.approx(energy / shortcut.mean(), rel=1e-3)


@pytest.mark.parametrize(("source", "task"), [("pets", "species"), ("demo", "breeds")])
def test_only_the_demos_cats_and_dogs_have_the_shortcut(source: str, task: str, images: Path):
    learner = ColourLearner(images, pd.DataFrame())
    learner.run.manifest.recipe = SimpleNamespace(source=source, task=task)
    with pytest.raises(DataError, match="colours was not fine-tuned on the demo's cats and dogs"):
        planted.shortcut_effects(learner)


def test_pictures_of_another_version_or_without_masks_are_refused(images: Path, monkeypatch: pytest.MonkeyPatch):
    without = [row.file for row in read_truth(images.parent).values() if not row.shortcut]
    learner = ColourLearner(images, pd.DataFrame({"path": without, "label": "cat", "predicted": "cat"}))
    with pytest.raises(DataError, match="drawn by another version of the demo. Fit the demo again"):
        planted.shortcut_effects(learner)  # the pictures are those of SMALL, not of the default parameters
    monkeypatch.setattr(planted, "is_current", partial(is_current, parameters=SMALL))
    with pytest.raises(DataError, match="No picture in .* has a mask of the shortcut. Fit the demo again"):
        planted.shortcut_effects(learner)


def test_a_z_score_is_in_deviations_above_the_mean():
    values = np.zeros((4, 4), dtype=np.float32)
    values[1, 2] = 16.0
    mask = np.zeros((8, 8), dtype=bool)
    mask[2:4, 4:6] = True  # exactly that cell
    # mean 1, variance (15^2 + 15 * 1) / 16 = 15
    assert planted._z_score(values, mask) == pytest.approx(15 / np.sqrt(15))
    mask[2:4, 6:8] = True  # and a cold one beside it
    assert planted._z_score(values, mask) == pytest.approx((8 - 1) / np.sqrt(15))
    assert np.isnan(planted._z_score(np.ones((4, 4)), mask))
    assert np.isnan(planted._z_score(values, np.zeros((8, 8), dtype=bool)))


def test_summary_takes_medians_of_the_mistaken_cats_and_of_all():
    effects = pd.DataFrame(
        {
            "label": ["cat", "cat", "cat", "dog"],
            "predicted": ["dog", "dog", "cat", "dog"],
            "logit_change": [4.0, 6.0, 1.0, 2.0],
            "flips": [True, False, False, False],
            "z_shortcut": [2.0, 1.0, 0.0, 0.5],
            "z_animal": [0.0, 0.2, 0.4, 0.6],
            "energy_ratio": [3.0, 5.0, 1.0, 2.0],
        }
    )
    summary = planted.shortcut_summary(effects)
    mistaken, everyone = summary.to_dict("records")
    assert (mistaken["pictures"], mistaken["logit_change"], mistaken["flips"]) == (2, 5.0, 0.5)
    assert (everyone["pictures"], everyone["logit_change"], everyone["flips"]) == (4, 3.0, 0.25)
    assert mistaken["energy_ratio"] == 4.0
    assert everyone["z_shortcut"] == 0.75
