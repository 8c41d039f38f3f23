"""Read an Altair chart as a person sees it: marks with their text, colours, places and tooltips.

Vega-Lite itself runs in the browser only. This reads the parts of its language that our charts use, so that a test
can ask "what colour has the dot of 'war'" and need not know in which layer of the specification it lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import altair as alt
import numpy as np


@dataclass(frozen=True)
class Mark:
    """One drawn mark.

    Attributes
    ----------
    kind : "rect", "bar", "text", "point", ...
    channels : by channel ("x", "text", "color", ...) the value that is drawn; colours in hex.
    tooltip : by title, the formatted value.
    row : the row of the chart's table.
    """

    kind: str
    channels: dict[str, Any]
    tooltip: dict[str, str]
    row: dict[str, Any]


def marks(chart: alt.TopLevelMixin, kind: str) -> list[Mark]:
    """Return the marks of one kind, in the order in which they are drawn."""
    spec = chart.to_dict()
    return [mark for layer, rows in _layers(spec, spec["datasets"]) for mark in _marks(layer, rows, kind)]


def order(chart: alt.TopLevelMixin, channel: str) -> list[Any]:
    """Return the values along a discrete axis or in a legend, in the order in which they appear."""
    spec = chart.to_dict()
    for layer, rows in _layers(spec, spec["datasets"]):
        encoding = layer.get("encoding", {}).get(channel, {})
        if "field" in encoding:
            present = list(dict.fromkeys(row[encoding["field"]] for row in rows))
            return encoding.get("scale", {}).get("domain") or encoding.get("sort") or sorted(present)
    raise AssertionError(f"no layer has the channel {channel!r}")


def axes(chart: alt.TopLevelMixin, channel: str) -> list[dict[str, Any]]:
    """Return what each layer that has one says of an axis: title, domain."""
    spec = chart.to_dict()
    encodings = [layer.get("encoding", {}).get(channel) for layer, _ in _layers(spec, spec["datasets"])]
    return [
        {"title": encoding.get("title"), "domain": encoding.get("scale", {}).get("domain")}
        for encoding in encodings
        if encoding and "field" in encoding
    ]


def titles(chart: alt.TopLevelMixin) -> list[str]:
    """Return the titles of the plots, from top to bottom."""
    spec = chart.to_dict()
    return [layer["title"]["text"] for layer, _ in _layers(spec, spec["datasets"]) if "title" in layer]


def clicked_fields(chart: alt.TopLevelMixin) -> dict[str, list[str]]:
    """Return the fields that a click selects, by the selection's name."""
    return {
        selection["name"]: selection["select"]["fields"]
        for selection in chart.to_dict()["params"]
        if selection["select"].get("on") == "click"
    }


def _layers(spec: dict[str, Any], datasets: dict[str, list], data: Any = None) -> Iterator[tuple[dict, list]]:
    data = spec.get("data", data)
    parts = spec.get("layer") or spec.get("vconcat")
    if parts is None:
        rows = datasets[data["name"]]
        for transform in spec.get("transform", []):
            rows = [row for row in rows if _holds(transform["filter"], row)]
        yield spec, rows
    for part in parts or []:
        yield from _layers(part, datasets, data)


def _marks(layer: dict[str, Any], rows: list[dict], kind: str) -> Iterator[Mark]:
    mark = layer["mark"]
    if mark["type"] != kind:
        return
    encoding = layer.get("encoding", {})
    for row in _aggregated(encoding, rows):
        channels = {"color": mark.get("color")} | {
            name: _drawn(channel, row) for name, channel in encoding.items() if name != "tooltip"
        }
        tooltip = {
            item["title"]: _format(row.get(item.get("field")), item.get("format"))
            for item in encoding.get("tooltip", [])
        }
        yield Mark(kind, channels, tooltip, row)


def _aggregated(encoding: dict[str, Any], rows: list[dict]) -> list[dict]:
    """Return one row for each value of the discrete fields where a channel aggregates, else the rows."""
    channel = next((each for each in encoding.values() if isinstance(each, dict) and "aggregate" in each), None)
    if channel is None:
        return rows
    field, function = channel["field"], {"mean": np.mean, "median": np.median}[channel["aggregate"]]
    names = [
        each["field"] for each in encoding.values() if isinstance(each, dict) and each.get("type") == "nominal"
    ]
    groups: dict[tuple, list[float]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row[field])
    return [{**dict(zip(names, key, strict=True)), field: float(function(of))} for key, of in groups.items()]


def _drawn(channel: dict[str, Any], row: dict[str, Any]) -> Any:
    if "condition" in channel and "test" in channel["condition"]:
        return channel["condition"]["value"] if _holds(channel["condition"]["test"], row) else channel["value"]
    if "field" not in channel:
        return channel.get("value")
    value, scale = row[channel["field"]], channel.get("scale") or {}
    if "range" not in scale or "domain" not in scale:
        return _format(value, channel.get("format")) if "format" in channel else value
    if scale.get("interpolate") == "rgb":
        stops = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in scale["range"]])
        mixed = [round(float(np.interp(value, scale["domain"], stops[:, part]))) for part in range(3)]
        return "#" + "".join(f"{part:02x}" for part in mixed)
    if scale.get("type") == "sqrt":
        return float(np.interp(np.sqrt(value), np.sqrt(scale["domain"]), scale["range"]))
    return dict(zip(scale["domain"], map(_hashable, scale["range"]), strict=True))[value]


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _format(value: Any, pattern: str | None) -> str:
    """Format as d3 does; its patterns that our charts use mean the same in Python."""
    return str(value) if pattern is None or value is None else format(value, pattern)


def _holds(test: str, row: dict[str, Any]) -> bool:
    """Evaluate one of the charts' own conditions, such as "abs(datum.shade) > 0.55"."""
    return bool(eval(test, {"__builtins__": {}, "abs": abs, "true": True}, {"datum": SimpleNamespace(**row)}))
