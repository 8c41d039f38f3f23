"""The steps of Grad-CAM, what can be chosen at each of them, and the standard choice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from analysis.explain.errors import ExplainError


@dataclass(frozen=True)
class Choices:
    """The choice at each step of computing a Grad-CAM map; the defaults are the standard choices.

    Attributes
    ----------
    pixels : "normalised", or "raw" (values from 0 to 1, without normalisation).
    mode : "eval", "alone" (training mode, a batch of this picture only) or "batch" (training mode, a batch with
        other pictures).
    storage : the forward hook stores a "clone", or with "detach" a tensor that shares its memory with the network.
    hook : what gives the gradient: "tensor" (a hook on the output itself), "full"
        (`register_full_backward_hook`) or "deprecated" (`register_backward_hook`).
    cls : "predicted", or "other" (the class with the second largest logit).
    score : gradients of the "logit" or of the softmax "probability".
    pool : "mean", "sum" or "max" of each channel's gradient.
    keepdim : as in `mean(dim, keepdim=True)`.
    relu : whether negative values of the map become 0. The paper does so, the chapter does not.
    interpolation : how the map is enlarged to the size of the picture: "bilinear", "nearest" or "bicubic".
    """

    pixels: str = "normalised"
    mode: str = "eval"
    storage: str = "clone"
    hook: str = "tensor"
    cls: str = "predicted"
    score: str = "logit"
    pool: str = "mean"
    keepdim: bool = True
    relu: bool = False
    interpolation: str = "bilinear"


STANDARD = Choices()


@dataclass(frozen=True)
class Change:
    """One step with another choice than the standard one.

    Attributes
    ----------
    field, value : a field of `Choices` and the value it gets.
    step, standard, name : the step, its standard choice and the choice made instead, in words. Names are part of
        links to the Ablation page.
    """

    field: str
    value: Any
    step: str
    standard: str
    name: str

    @property
    def choices(self) -> Choices:
        """The standard choices except for this one."""
        return replace(STANDARD, **{self.field: self.value})


_EVAL = ("Mode", "model.eval()")
_POOL = ("Weights", "mean of the gradients")
_HOOK = ("Backward hook", "hook on the output tensor")
_INTERPOLATION = ("Interpolation", "bilinear")

CHANGES: tuple[Change, ...] = (
    Change("keepdim", False, "keepdim", "mean(..., keepdim=True)", "keepdim left out"),
    Change("mode", "alone", *_EVAL, "training mode, alone"),
    Change("mode", "batch", *_EVAL, "training mode, in a batch"),
    Change("storage", "detach", "Stored activation", "output.detach().clone()", "no clone"),
    Change("relu", True, "ReLU on the map", "signed map", "ReLU on the map"),
    Change("pool", "sum", *_POOL, "sum of the gradients"),
    Change("pool", "max", *_POOL, "maximum of the gradients"),
    Change("score", "probability", "Score", "logit", "softmax probability"),
    Change("cls", "other", "Class", "predicted class", "another class"),
    Change("hook", "full", *_HOOK, "full backward hook"),
    Change("hook", "deprecated", *_HOOK, "deprecated backward hook"),
    Change("interpolation", "nearest", *_INTERPOLATION, "nearest neighbour"),
    Change("interpolation", "bicubic", *_INTERPOLATION, "bicubic"),
    Change("pixels", "raw", "Input", "normalised", "not normalised"),
)
"""Every change, in the order of the table."""


def combine(changes: Iterable[Change]) -> Choices:
    """Return the standard choices with all of these changes; raise ExplainError where two change the same step."""
    values: dict[str, Any] = {}
    for change in changes:
        if change.field in values:
            raise ExplainError(f"{change.step} can be changed in one way at a time; remove one of the two changes")
        values[change.field] = change.value
    return replace(STANDARD, **values)


def change_pairs() -> dict[tuple[int, int], Choices]:
    """Return {(position, position) in `CHANGES`: the choices} of every two changes of different steps."""
    return {
        (first, second): combine((CHANGES[first], CHANGES[second]))
        for first, second in combinations(range(len(CHANGES)), 2)
        if CHANGES[first].field != CHANGES[second].field
    }
