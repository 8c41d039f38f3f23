"""What a change does to the map: raises, silently another one, or no harm."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from analysis.explain.ablation_recipe.kitchen import Dish
from analysis.explain.ablation_recipe.steps import RIGHT, Choices
from analysis.explain.measures.agreement import correlation
from analysis.explain.measures.localisation import peak

HARMLESS = 0.999
"""Correlation with the right map from which on a change does no harm, if the hottest point stays too."""


@dataclass(frozen=True)
class Effect:
    """One way to cook, beside the right one.

    Attributes
    ----------
    outcome : "raises", "silent" (another map, and nothing says so) or "harmless".
    error, warning : PyTorch's own words, None where it said nothing.
    correlation : with the right map, both as drawn on the picture; nan where one is constant, or it raises.
    moved : whether the hottest point lies in another cell of the layer's grid; None where there is no map, or a
        constant one.
    distance : from hottest point to hottest point, as a share of the picture's diagonal; nan likewise.
    values : the map (h, w) float32, None where it raises.
    """

    choices: Choices
    outcome: str
    error: str | None
    warning: str | None
    correlation: float
    moved: bool | None
    distance: float
    values: np.ndarray | None


def effects(cooked: Mapping[Choices, Dish], wanted: Iterable[Choices]) -> list[Effect]:
    """Compare each of the wanted ways with the right one, which is among those cooked."""
    right = cooked[RIGHT]
    assert right.drawn is not None
    assert right.values is not None
    return [_effect(one, cooked[one], right.drawn, right.values.shape) for one in wanted]


def _effect(choices: Choices, dish: Dish, right: np.ndarray, grid: tuple[int, ...]) -> Effect:
    nan = math.nan
    if dish.drawn is None:
        return Effect(choices, "raises", dish.error, dish.warning, nan, None, nan, None)
    related = correlation(dish.drawn, right)
    moved, distance = None, nan
    if np.isfinite(dish.drawn).all() and np.ptp(dish.drawn) > 0:
        here, there = peak(dish.drawn), peak(right)
        moved = _cell(here, right.shape, grid) != _cell(there, right.shape, grid)
        distance = math.dist(here, there) / math.hypot(*right.shape)
    harmless = related >= HARMLESS and moved is False
    outcome = "harmless" if harmless else "silent"
    return Effect(choices, outcome, None, dish.warning, related, moved, distance, dish.values)


def _cell(place: tuple[int, int], picture: tuple[int, ...], grid: tuple[int, ...]) -> tuple[int, int]:
    """The cell of a layer's grid that a pixel lies in."""
    return place[0] * grid[0] // picture[0], place[1] * grid[1] // picture[1]
