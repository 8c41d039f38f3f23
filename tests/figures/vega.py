"""Read a Vega-Lite chart by what it shows, wherever in the specification that is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import altair as alt


def channels(chart: alt.TopLevelMixin, name: str) -> list[dict[str, Any]]:
    """The definitions of one channel ("x", "color", "text" ...) in all layers and parts of a chart."""
    return [encoding[name] for encoding in _found(chart.to_dict(), "encoding") if name in encoding]


def fields(chart: alt.TopLevelMixin, *names: str) -> set[str]:
    """The columns that these channels show."""
    return {channel["field"] for name in names for channel in channels(chart, name) if "field" in channel}


def orders(chart: alt.TopLevelMixin, name: str) -> list[list[str]]:
    """Each order of values that a channel asks for, by `sort` or by the domain of its scale."""
    found = channels(chart, name)
    asked = [one["sort"] for one in found if "sort" in one]
    return asked + [one["scale"]["domain"] for one in found if "domain" in (one.get("scale") or {})]


def legend(chart: alt.TopLevelMixin) -> dict[str, str]:
    """The colour of each value of a colour scale."""
    (scale,) = [one["scale"] for one in channels(chart, "color") if "domain" in (one.get("scale") or {})]
    return dict(zip(scale["domain"], scale["range"], strict=True))


def selected(chart: alt.TopLevelMixin) -> dict[str, list[str]]:
    """The columns of what a click selects, by the selection's name."""
    return {one["name"]: one["select"]["fields"] for one in chart.to_dict().get("params", []) if "select" in one}


def rows(chart: alt.TopLevelMixin) -> list[dict[str, Any]]:
    """The rows of all tables that a chart draws."""
    return [row for table in chart.to_dict()["datasets"].values() for row in table]


def _found(part: Any, key: str) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if isinstance(part.get(key), dict):
            yield part[key]
        for value in part.values():
            yield from _found(value, key)
    elif isinstance(part, list):
        for value in part:
            yield from _found(value, key)
