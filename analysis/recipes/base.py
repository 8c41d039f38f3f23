"""What every recipe has, whatever kind of learner it makes."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

from analysis.errors import CamLensError


class RecipeError(CamLensError, ValueError):
    """The recipe is not possible; the message lists what is."""


@dataclass(frozen=True)
class RecipeBase:
    """How a learner is trained; equal recipes on equal data make the same run.

    The recipe of each kind adds its own fields. Their values are simple, because the manifest holds them as JSON.

    Attributes
    ----------
    kind : name of the kind of learner, see `analysis.kinds`
    tasks : the sources of examples that this kind has, and the tasks of each
    architectures : the networks it can use
    source, task, arch : one of each
    path : of the examples, where the source needs it
    seed : of the split and of the training
    """

    kind: ClassVar[str]
    tasks: ClassVar[Mapping[str, tuple[str, ...]]]
    architectures: ClassVar[tuple[str, ...]]

    source: str
    path: str | None
    task: str
    arch: str
    seed: int

    @classmethod
    def for_source(cls, source: str, **changes: Any) -> Self:
        """Return the default recipe of a source, with `changes`; a change that is None is ignored."""
        raise NotImplementedError

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """Add the options of `python -m analysis fit` that only this kind has, each named after its field."""

    @property
    def head_name(self) -> str:
        """Return what the list of learners says of the head; CAM is exact for a "linear" one."""
        raise NotImplementedError

    def short_name(self) -> str:
        """Return a name that fits the dashboard's sidebar; two recipes may share it."""
        raise NotImplementedError

    def run_name(self) -> str:
        """Return a readable folder name that no other recipe has."""
        raise NotImplementedError

    def options(self) -> list[str]:
        """Return the options of `python -m analysis fit` that give this recipe."""
        raise NotImplementedError

    def to_json(self) -> str:
        """Return the recipe as one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    def digest(self) -> str:
        """Return eight hexadecimal digits that identify this recipe."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:8]


def one_of(field: str, value: str, possible: Collection[str]) -> None:
    """Raise RecipeError for a value that is not possible."""
    if value not in possible:
        raise RecipeError(f"{field} is {value!r}; possible here: {', '.join(possible)}.")


def check_training(epochs: int, freeze_epochs: int, batch_size: int, base_lr: float, seed: int) -> None:
    """Raise RecipeError for values that no training can have."""
    if epochs < 1 or freeze_epochs < 0:
        raise RecipeError("epochs must be at least 1 and freeze_epochs at least 0.")
    if batch_size < 2:
        raise RecipeError("batch_size must be at least 2: BatchNorm cannot train on one example.")
    if not 0 <= seed < 2**32:
        raise RecipeError(f"seed is {seed}; give a whole number from 0 to {2**32 - 1}.")
    if not 0 < base_lr < 1:
        raise RecipeError(f"base_lr is {base_lr}; give a number between 0 and 1.")


def given_fields(recipe: type[RecipeBase], source: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes that are not None, with an absolute path.

    Raises
    ------
    RecipeError : this kind of recipe has no such field
    """
    given = {key: value for key, value in changes.items() if value is not None}
    unknown = given.keys() - {field.name for field in fields(recipe)}
    if unknown:
        raise RecipeError(
            f"The source {source!r} is one of {recipe.kind}, for which there is no {', '.join(sorted(unknown))}."
        )
    if given.get("path") is not None:
        given["path"] = str(Path(given["path"]).expanduser().absolute())
    return given
