"""The recipe of a text classifier: everything that its training depends on."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from analysis.data.texts import TEXT_SOURCES, TEXT_TASKS
from analysis.recipes.base import RecipeBase, RecipeError, check_training, given_fields, one_of

TEXT_ARCHITECTURES = ("wordcnn", "awd_lstm")


@dataclass(frozen=True)
class TextRecipe(RecipeBase):
    """How a text classifier is trained.

    Attributes
    ----------
    source : "reviews", "imdb_sample", "imdb" or "table"
    path : file of the texts, for source "table" only
    task : what the source offers, see `TEXT_TASKS`
    arch : "wordcnn" (average pool, Linear: CAM over words is exact) or "awd_lstm" (fastai's)
    epochs : epochs of one one-cycle schedule; where the body is pretrained, an epoch of the head alone comes first
    seed : of the split and of the training
    pretrained : start from the weights of fastai's Wikipedia language model; awd_lstm only
    base_lr : the schedule's highest learning rate
    vocabulary_size : number of words that the network knows: the most frequent ones of the training texts
    max_tokens : the network sees at most this many tokens from the beginning of a text
    text_column, label_column, split_column : of a table; None for the usual names
    """

    kind: ClassVar[str] = "words"
    tasks: ClassVar[Mapping[str, tuple[str, ...]]] = TEXT_TASKS
    architectures: ClassVar[tuple[str, ...]] = TEXT_ARCHITECTURES

    source: str = "reviews"
    path: str | None = None
    task: str = "imdb"
    arch: str = "wordcnn"
    epochs: int = 3
    seed: int = 21
    batch_size: int = 64
    pretrained: bool = False
    base_lr: float = 2e-3
    vocabulary_size: int = 20_000
    max_tokens: int = 600
    text_column: str | None = None
    label_column: str | None = None
    split_column: str | None = None

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that is not possible."""
        one_of("source", self.source, TEXT_SOURCES)
        one_of("task", self.task, TEXT_TASKS[self.source])
        one_of("arch", self.arch, TEXT_ARCHITECTURES)
        if (self.source == "table") != (self.path is not None):
            raise RecipeError("A path goes with the source 'table', and only with it.")
        if self.source != "table" and self.columns != (None, None, None):
            raise RecipeError("Columns go with the source 'table', and only with it.")
        check_training(self.epochs, self.freeze_epochs, self.batch_size, self.base_lr, self.seed)
        if self.pretrained and self.arch != "awd_lstm":
            raise RecipeError(f"There are no pretrained weights for {self.arch}.")
        if not 100 <= self.vocabulary_size <= 200_000:
            raise RecipeError(f"vocabulary_size is {self.vocabulary_size}; give 100 to 200000 words.")
        if not 10 <= self.max_tokens <= 5_000:
            raise RecipeError(f"max_tokens is {self.max_tokens}; give 10 to 5000 words.")

    @property
    def freeze_epochs(self) -> int:
        """Return how many epochs train the head alone, before the others."""
        return 1 if self.pretrained else 0

    @property
    def columns(self) -> tuple[str | None, str | None, str | None]:
        """Return a table's columns: text, label, split."""
        return self.text_column, self.label_column, self.split_column

    @classmethod
    def for_source(cls, source: str, **changes: Any) -> TextRecipe:
        """Return the default recipe of a source, with `changes`; a change that is None is ignored."""
        one_of("source", source, TEXT_SOURCES)
        given = given_fields(cls, source, changes)
        lstm = given.get("arch") == "awd_lstm"
        return cls(**{"source": source, "task": TEXT_TASKS[source][0], **(_AWD_LSTM if lstm else {}), **given})

    def from_scratch(self) -> TextRecipe:
        """Return the same recipe without pretrained weights."""
        return replace(self, pretrained=False)

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """Add the options that only texts have."""
        parser.add_argument(
            "--vocabulary-size", type=int, metavar="WORDS", help="texts: how many different words are known"
        )
        parser.add_argument(
            "--max-tokens", type=int, metavar="WORDS", help="texts: how many words of a long one are read"
        )
        for part in ("text", "label", "split"):
            parser.add_argument(f"--{part}-column", metavar="NAME", help=f"of the {part}, for --source table")

    @property
    def head_name(self) -> str:
        """Return the kind of head."""
        return "linear" if self.arch == "wordcnn" else "fastai's"

    def short_name(self) -> str:
        """Return a name that fits the dashboard's sidebar; two recipes may share it."""
        return f"Words: {self.source} · {self.arch}"

    def run_name(self) -> str:
        """Return a readable folder name that no other recipe has."""
        where = re.sub(r"[^A-Za-z0-9]+", "-", Path(self.path).stem).strip("-")[:40] if self.path else ""
        task = self.task if len(TEXT_TASKS[self.source]) > 1 else ""
        return "-".join([*filter(None, (self.source, where, task, self.arch)), self.digest()])

    def options(self) -> list[str]:
        """Return the options of `python -m analysis fit` that give this recipe."""
        words = ["--source", self.source, "--task", self.task, "--arch", self.arch]
        words += ["--path", self.path] if self.path is not None else []
        for name, column in zip(("text", "label", "split"), self.columns, strict=True):
            words += [f"--{name}-column", column] if column is not None else []
        words += ["--epochs", str(self.epochs), "--seed", str(self.seed), "--batch-size", str(self.batch_size)]
        words += ["--base-lr", str(self.base_lr), "--vocabulary-size", str(self.vocabulary_size)]
        words += ["--max-tokens", str(self.max_tokens)]
        return words if self.pretrained or self.arch != "awd_lstm" else [*words, "--no-pretrained"]


_AWD_LSTM: dict[str, Any] = {"pretrained": True, "base_lr": 1e-2, "vocabulary_size": 30_000, "epochs": 2}
