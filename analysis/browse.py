"""Narrowing and ordering the predictions table: what the gallery shows and what the CSV export holds."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass

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

    def to_text(self) -> str:
        """The view as short text for a link; empty for the default one."""
        plain = asdict(Browse())
        changed = {key: value for key, value in asdict(self).items() if value != plain[key]}
        return json.dumps(changed, separators=(",", ":"), ensure_ascii=False) if changed else ""

    @classmethod
    def from_text(cls, text: str, class_names: Collection[str]) -> Browse:
        """Read what `to_text` wrote; the default view for anything else, classes that don't exist left out."""
        try:
            values = json.loads(text or "{}")
            low, high = sorted(float(bound) for bound in values.get("confidence", (0.0, 1.0)))
            sort = values.get("sort", "loss")
            return cls(
                true=tuple(name for name in values.get("true", ()) if name in class_names),
                predicted=tuple(name for name in values.get("predicted", ()) if name in class_names),
                confidence=(low, high),
                name=str(values.get("name", "")),
                sort=sort if sort in SORTS else "loss",
                correct=values.get("correct") is True,
            )
        except (ValueError, TypeError, AttributeError):
            return cls()


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
