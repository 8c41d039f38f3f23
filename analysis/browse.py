"""Narrowing and ordering the predictions table: what the gallery shows and what the CSV export holds."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

SORTS = {
    "loss": "Highest loss first",
    "confidence": "Most confident first",
    "margin": "Closest calls first",
    "name": "File name",
}


@dataclass(frozen=True)
class Browse:
    """Which predictions to show, and in which order.

    Empty `true` or `predicted` means every class. `confidence` is an inclusive range within 0..1. `name` is
    looked for anywhere in the file name, upper and lower case alike. `correct` adds the right predictions.
    """

    true: tuple[str, ...] = ()
    predicted: tuple[str, ...] = ()
    confidence: tuple[float, float] = (0.0, 1.0)
    name: str = ""
    sort: str = "loss"
    correct: bool = False


def browse(predictions: pd.DataFrame, view: Browse) -> pd.DataFrame:
    """The rows of the predictions table that `view` asks for, in its order, with a fresh index.

    Ties are broken by file name, so that the same view is the same list on every machine.

    Raises
    ------
    ValueError
        For an unknown sort name.
    """
    if view.sort not in SORTS:
        raise ValueError(f"Unknown order {view.sort!r}; known are {', '.join(SORTS)}.")
    keep = pd.Series(True, index=predictions.index)
    if not view.correct:
        keep &= predictions["label"] != predictions["predicted"]
    if view.true:
        keep &= predictions["label"].isin(view.true)
    if view.predicted:
        keep &= predictions["predicted"].isin(view.predicted)
    low, high = view.confidence
    if (low, high) != (0.0, 1.0):
        keep &= predictions["confidence"].between(low, high)
    if view.name:
        keep &= predictions["path"].str.contains(view.name, case=False, regex=False)
    column, ascending = {
        "loss": ("loss", False),
        "confidence": ("confidence", False),
        "margin": ("margin", True),
        "name": ("path", True),
    }[view.sort]
    order = predictions[keep].sort_values([column, "path"], ascending=[ascending, True], kind="stable")
    return order.reset_index(drop=True)


def neighbours(order: pd.DataFrame, path: str) -> tuple[int | None, str | None, str | None]:
    """Where `path` stands in a browsed table, and the paths before and after it.

    Returns (position from 0 or None, previous or None, next or None); a picture outside the list has
    the first of the list as its next one.
    """
    paths = order["path"].tolist()
    if path not in paths:
        return None, None, paths[0] if paths else None
    position = paths.index(path)
    return (
        position,
        paths[position - 1] if position > 0 else None,
        paths[position + 1] if position + 1 < len(paths) else None,
    )
