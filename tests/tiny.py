"""Small data sets and recipes for tests: a fit takes seconds."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from analysis.data.demo.plan import DemoParameters
from analysis.data.split import stable_split
from analysis.recipes.images import ImageRecipe
from analysis.recipes.words import TextRecipe

REPOSITORY = Path(__file__).resolve().parent.parent
FEW_PICTURES = DemoParameters(n_train=24, n_valid=12)


def balanced(keys: Sequence[str], labels: Sequence[str], count: int) -> list[int]:
    """Choose `count` examples: half of each of two classes, and a fifth of each class for validation.

    A hash of its key decides on which side of the split an example lies. The first examples are chosen that make
    the numbers exact, so that tests may rely on the numbers whatever the hash is.

    Parameters
    ----------
    keys : what the split knows an example by
    count : a multiple of 10

    Returns
    -------
    Positions in `keys`, in their order.
    """
    tenths = {False: 4, True: 1}  # of all examples, for each of the two classes
    missing = Counter(
        {(label, held): count * share // 10 for label in set(labels) for held, share in tenths.items()}
    )
    chosen = []
    for position, side in enumerate(zip(labels, stable_split(keys, 21), strict=True)):
        if missing[side]:
            missing[side] -= 1
            chosen.append(position)
    assert len(chosen) == count, "give more keys to choose from"
    return chosen


def draw_pictures(folder: Path, count: int = 60) -> Path:
    """Write `count` noisy PNGs of different sizes, named after their class; the same ones every time.

    At seed 21, a fifth of each class is for validation (see `balanced`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(7)
    labels = ["sand", "sea"] * 2 * count
    names = [f"{label}_{number}.png" for number, label in enumerate(labels)]
    for number in balanced(names, labels, count):
        pixels = random.integers(0, 200, (70 + number % 9, 96 - number % 5, 3))
        pixels[..., 2 * (number % 2)] += random.integers(0, 55)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / names[number])
    return folder


def tiny_recipe(folder: Path, **changes: Any) -> ImageRecipe:
    """Return the recipe of the tests: resnet18 from random weights at 64 pixels."""
    given = {"path": folder, "arch": "resnet18", "size": 64, "pretrained": False, "batch_size": 16, **changes}
    return ImageRecipe.for_source("folder", **given)


def write_reviews(path: Path, count: int = 60) -> Path:
    """Write a CSV of `count` short reviews with labels; the same ones every time, some hard to tell.

    At seed 21, a fifth of each class is for validation (see `balanced`).
    """
    random = np.random.default_rng(3)
    moods = {"positive": ["wonderful", "moving", "great fun"], "negative": ["dull", "a waste", "not good"]}
    rest = ["the", "film", "with", "its", "story", "and", "a", "cast", ",", "<br />set", "in", "town", "."]
    labels = ["negative", "positive"] * 2 * count
    texts = []
    for number, label in enumerate(labels):
        words = [*random.choice(rest, 4 + number % 15), *random.choice(moods[label], 2), f"It's no. {number}!"]
        texts.append(" ".join(random.permutation(words)))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([texts[number], labels[number]] for number in balanced(texts, labels, count))
    return path


def tiny_words_recipe(path: Path, **changes: Any) -> TextRecipe:
    """Return the recipe of the tests: a wordcnn that learns in a second."""
    given = {"path": path, "epochs": 8, "batch_size": 8, "base_lr": 2e-2, "max_tokens": 30, **changes}
    return TextRecipe.for_source("table", **given)


def fit_command(folder: Path, target: Path) -> list[str]:
    """Return the command line that fits `tiny_recipe`."""
    return [
        sys.executable, "-m", "analysis", "fit", "--source", "folder", "--path", str(folder), "--arch", "resnet18",
        "--no-pretrained", "--size", "64", "--batch-size", "16", "--progress", "json", "--run", str(target),
    ]  # fmt: skip
