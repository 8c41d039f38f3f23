"""The recipe of an image classifier: everything that its training depends on."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from analysis.data.source import SOURCES, TASKS
from analysis.recipes.base import RecipeBase, RecipeError, check_training, given_fields, one_of

ARCHITECTURES = ("efficientnet_lite0", "resnet18", "resnet34", "resnet50")
HEADS = ("linear", "book")


@dataclass(frozen=True)
class ImageRecipe(RecipeBase):
    """How an image classifier is trained.

    Attributes
    ----------
    source : "demo", "pets" or "folder"
    path : folder of the images, for source "folder" only
    task : "species", "breeds" or "folder"
    arch : one of `ARCHITECTURES`
    head : "linear" (average pool, BatchNorm, Linear: CAM is exact) or "book" (fastai's default)
    size : side of the square that the network sees, in pixels
    epochs, freeze_epochs : as in fastai's `Learner.fine_tune`
    seed : of the split and of the training
    pretrained : start from ImageNet weights
    base_lr : as in fastai's `Learner.fine_tune`
    train_bn : whether the body's BatchNorm layers learn the statistics of the new images, as in fastai; if not,
        they keep those of the pretrained weights
    """

    kind: ClassVar[str] = "images"
    tasks: ClassVar[Mapping[str, tuple[str, ...]]] = TASKS
    architectures: ClassVar[tuple[str, ...]] = ARCHITECTURES

    source: str = "demo"
    path: str | None = None
    task: str = "species"
    arch: str = "efficientnet_lite0"
    head: str = "linear"
    size: int = 224
    epochs: int = 1
    freeze_epochs: int = 1
    seed: int = 21
    batch_size: int = 64
    pretrained: bool = True
    base_lr: float = 1e-2
    train_bn: bool = False

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that is not possible."""
        one_of("source", self.source, SOURCES)
        one_of("task", self.task, TASKS[self.source])
        one_of("arch", self.arch, ARCHITECTURES)
        one_of("head", self.head, HEADS)
        if (self.source == "folder") != (self.path is not None):
            raise RecipeError("A path goes with the source 'folder', and only with it.")
        if not 32 <= self.size <= 1024:
            raise RecipeError(f"size is {self.size}; give 32 to 1024 pixels.")
        check_training(self.epochs, self.freeze_epochs, self.batch_size, self.base_lr, self.seed)
        if not self.pretrained and not self.train_bn:
            raise RecipeError("Random weights have no BatchNorm statistics to keep: train_bn must be true.")

    @classmethod
    def for_source(cls, source: str, **changes: Any) -> ImageRecipe:
        """Return the default recipe of a source, with `changes`; a change that is None is ignored."""
        one_of("source", source, SOURCES)
        values = {"source": source, **DEFAULTS[source], **given_fields(cls, source, changes)}
        lite = values["arch"] == "efficientnet_lite0" and values.get("pretrained", True)
        return cls(**{**(_LITE if lite else _FASTAI), **values})

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """Add the options that only images have."""
        parser.add_argument("--head", choices=HEADS, help="linear: CAM is exact (default); book: fastai's own")
        parser.add_argument("--size", type=int, metavar="PIXELS", help="side of the square (default: 224)")

    @property
    def head_name(self) -> str:
        """Return the kind of head."""
        return self.head

    def short_name(self) -> str:
        """Return a name that fits the dashboard's sidebar; two recipes may share it."""
        task = "" if self.task in ("species", "folder") else f" {self.task}"
        return f"{self.source}{task} · {self.head} · {self.size} px"

    def run_name(self) -> str:
        """Return a readable folder name that no other recipe has."""
        where = re.sub(r"[^A-Za-z0-9]+", "-", Path(self.path).name).strip("-")[:40] if self.path else ""
        parts = [self.source, where, "" if self.task == "folder" else self.task, self.arch, self.head]
        return "-".join([*filter(None, parts), f"{self.size}px", self.digest()])

    def options(self) -> list[str]:
        """Return the options of `python -m analysis fit` that give this recipe."""
        words = ["--source", self.source, "--task", self.task, "--arch", self.arch, "--head", self.head]
        words += ["--path", self.path] if self.path is not None else []
        words += ["--size", str(self.size), "--epochs", str(self.epochs), "--seed", str(self.seed)]
        words += ["--batch-size", str(self.batch_size), "--base-lr", str(self.base_lr)]
        return words if self.pretrained else [*words, "--no-pretrained"]


DEFAULTS: dict[str, dict[str, Any]] = {
    "demo": {"arch": "efficientnet_lite0", "batch_size": 32},
    "pets": {"arch": "resnet34"},
    "folder": {"arch": "resnet34", "task": "folder"},
}
_FASTAI: dict[str, Any] = {"base_lr": 2e-3, "train_bn": True}  # the defaults of `fine_tune`
# Measured on the 192 validation photos of a 962-photo part of Oxford-IIIT Pet at 128 pixels, after one
# frozen and one full epoch: error rate 0.026 with these values, 0.14 where BatchNorm takes on new
# statistics (whatever the rate), 0.042 with fastai's rate. The frozen epoch takes a third of the time too.
_LITE: dict[str, Any] = {"base_lr": 1e-2, "train_bn": False}
