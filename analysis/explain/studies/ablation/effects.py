"""What a change does to the map: it raises an error, silently gives another map, or does no harm."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from analysis.explain.measures.agreement import correlation
from analysis.explain.measures.localisation import peak
from analysis.explain.studies.ablation.runner import AblatedMap
from analysis.explain.studies.ablation.steps import STANDARD, Choices

HARMLESS = 0.999
"""A change is harmless if the map's correlation with the standard map is at least this and the peak stays."""


@dataclass(frozen=True)
class Effect:
    """A changed map compared with the standard map.

    Attributes
    ----------
    choices : what was chosen at each step.
    outcome : "raises", "silent" (another map without any message) or "harmless".
    error, warning : PyTorch's own message; None where there was none.
    correlation : with the standard map, both at the size of the picture; nan where one is constant or there is no
        map.
    moved : whether the peak (the largest value) lies in another cell of the layer's grid; None where there is no
        map, or a constant one.
    distance : between the two peaks, as a share of the picture's diagonal; nan where `moved` is None.
    values : the map, (h, w) float32; None where an error was raised.
    """

    choices: Choices
    outcome: str
    error: str | None
    warning: str | None
    correlation: float
    moved: bool | None
    distance: float
    values: np.ndarray | None


def effects(maps: Mapping[Choices, AblatedMap], variants: Iterable[Choices]) -> list[Effect]:
    """Compare the map of each variant with the standard map; `maps` holds all of them."""
    standard = maps[STANDARD]
    assert standard.enlarged is not None
    assert standard.values is not None
    return [_effect(variant, maps[variant], standard.enlarged, standard.values.shape) for variant in variants]


def _effect(variant: Choices, ablated: AblatedMap, standard: np.ndarray, grid: tuple[int, ...]) -> Effect:
    nan = math.nan
    if ablated.enlarged is None:
        return Effect(variant, "raises", ablated.error, ablated.warning, nan, None, nan, None)
    related = correlation(ablated.enlarged, standard)
    moved, distance = None, nan
    if np.isfinite(ablated.enlarged).all() and np.ptp(ablated.enlarged) > 0:
        own_peak, standard_peak = peak(ablated.enlarged), peak(standard)
        moved = _cell(own_peak, standard.shape, grid) != _cell(standard_peak, standard.shape, grid)
        distance = math.dist(own_peak, standard_peak) / math.hypot(*standard.shape)
    harmless = related >= HARMLESS and moved is False
    outcome = "harmless" if harmless else "silent"
    return Effect(variant, outcome, None, ablated.warning, related, moved, distance, ablated.values)


def _cell(pixel: tuple[int, int], picture: tuple[int, ...], grid: tuple[int, ...]) -> tuple[int, int]:
    """Return the cell of a layer's grid that contains a pixel."""
    return pixel[0] * grid[0] // picture[0], pixel[1] * grid[1] // picture[1]
