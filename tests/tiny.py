"""A data set and a recipe that fit in seconds."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from analysis.data.demo.plan import DemoParameters
from analysis.recipes.images import ImageRecipe
from analysis.recipes.words import TextRecipe

REPOSITORY = Path(__file__).resolve().parent.parent
FEW_PICTURES = DemoParameters(n_train=24, n_valid=12)


def draw_pictures(folder: Path, count: int = 60) -> Path:
    """Write `count` noisy PNGs of different sizes, named after their class; the same ones every time."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(7)
    for number in range(count):
        name, channel = (("sand", 0), ("sea", 2))[number % 2]
        pixels = random.integers(0, 200, (70 + number % 9, 96 - number % 5, 3))
        pixels[..., channel] += random.integers(0, 55)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{name}_{number}.png")
    return folder


def tiny_recipe(folder: Path, **changes: Any) -> ImageRecipe:
    """The recipe of the tests: resnet18 from random weights at 64 pixels."""
    given = {"path": folder, "arch": "resnet18", "size": 64, "pretrained": False, "batch_size": 16, **changes}
    return ImageRecipe.for_source("folder", **given)


def write_reviews(path: Path, count: int = 60) -> Path:
    """Write a CSV of `count` short reviews with labels; the same ones every time, some hard to tell."""
    random = np.random.default_rng(3)
    moods = {"positive": ["wonderful", "moving", "great fun"], "negative": ["dull", "a waste", "not good"]}
    rest = ["the", "film", "with", "its", "story", "and", "a", "cast", ",", "<br />set", "in", "town", "."]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(count):
            label = ("negative", "positive")[number % 2]
            words = [*random.choice(rest, 4 + number % 15), *random.choice(moods[label], 2), f"It's no. {number}!"]
            writer.writerow([" ".join(random.permutation(words)), label])
    return path


def tiny_words_recipe(path: Path, **changes: Any) -> TextRecipe:
    """The recipe of the tests: a wordcnn that learns in a second."""
    given = {"path": path, "epochs": 8, "batch_size": 8, "base_lr": 2e-2, "max_tokens": 30, **changes}
    return TextRecipe.for_source("table", **given)


def fit_command(folder: Path, target: Path) -> list[str]:
    """The command line that fits `tiny_recipe`."""
    return [
        sys.executable, "-m", "analysis", "fit", "--source", "folder", "--path", str(folder), "--arch", "resnet18",
        "--no-pretrained", "--size", "64", "--batch-size", "16", "--progress", "json", "--run", str(target),
    ]  # fmt: skip
