"""The description of a metric of maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# What a metric may need, in the order of its function's arguments.
NEEDS = {
    "map": "one signed map (h, w) at the layer's resolution",
    "reference": "another map (h, w) of the same layer and score, to compare with",
    "mask": "bool (H, W) over the whole image, True inside the region in question",
    "model": "from images (N, 3, H, W) to the explained score (N,), for metrics that change the image",
}


@dataclass(frozen=True)
class Metric:
    """A number that describes a map, computed by a pure function; registered in `METRICS`.

    Attributes
    ----------
    name : its key in `METRICS` and in files.
    title : for the reader; pages add to it ("Correlation with CAM", "Positive energy in the animal").
    needs : what it is computed from, names in `NEEDS`.
    compute : from what it needs, in the order of `NEEDS`, to the number; nan where it is not defined.
    source : the paper as "Author et al. year".
    formula : one line of LaTeX.
    about : what it measures, one sentence in plain words.
    low, high : the smallest and the largest possible number.
    chance : from all that it needs except the map to the number that a map without information would reach; None
        where there is no such number.
    """

    name: str
    title: str
    needs: frozenset[str]
    compute: Callable[..., float]
    source: str
    formula: str
    about: str
    low: float = 0.0
    high: float = 1.0
    chance: Callable[..., float] | None = None

    def __post_init__(self) -> None:
        if not self.needs or not self.needs <= set(NEEDS):
            raise ValueError(f"{self.name} needs {sorted(self.needs)}; possible are {', '.join(NEEDS)}")

    def of(self, given: dict[str, Any]) -> float:
        """Compute the number from {need: value}."""
        return self.compute(*(given[need] for need in NEEDS if need in self.needs))

    def by_chance(self, given: dict[str, Any]) -> float | None:
        """Return the number that a map without information would reach, from {need: value} without the map."""
        if self.chance is None:
            return None
        return self.chance(*(given[need] for need in NEEDS if need in self.needs - {"map"}))
