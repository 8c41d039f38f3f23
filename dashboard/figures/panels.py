"""What each panel shows, before it is drawn: map, colour range, title and note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dashboard.figures.options import LayerViewOptions

if TYPE_CHECKING:
    from analysis.explain.report.layers import LayerReport, LayerRow, MethodMap


@dataclass(frozen=True)
class Panel:
    """One map with all that drawing it needs.

    Attributes
    ----------
    title : above the panel.
    values : the map, float32 (h, w), or None.
    low, high : the values at the two ends of the colour scale.
    scale : name of the colour scale.
    note : why there is no map or why all its values are zero, else "".
    """

    title: str
    values: np.ndarray | None
    low: float
    high: float
    scale: str
    note: str = ""


def display_values(values: np.ndarray, relu: bool) -> np.ndarray:
    """Return the map as float32; with `relu` its negative values are 0."""
    signed = np.asarray(values, dtype=np.float32)
    return np.maximum(signed, 0) if relu else signed


def colour_range(maps: list[np.ndarray], relu: bool) -> tuple[float, float]:
    """Return the colour range of several maps: 0 to the maximum after ReLU, else symmetric around zero."""
    strongest = max((float(np.abs(values).max()) for values in maps), default=0.0)
    high = strongest if strongest > 0 else 1.0
    return (0.0 if relu else -high), high


def single_panel(title: str, values: np.ndarray, options: LayerViewOptions) -> Panel:
    """Return a panel with a colour range of its own."""
    display = display_values(values, options.relu)
    low, high = colour_range([display], options.relu)
    return Panel(title, display, low, high, options.scale, _empty_note(display, options.relu))


def with_one_range(panels: list[Panel], relu: bool) -> list[Panel]:
    """Return the same panels, all in the colour range that covers every one of them."""
    low, high = colour_range([panel.values for panel in panels if panel.values is not None], relu)
    return [replace(panel, low=low, high=high) for panel in panels]


def comparable(methods: Sequence[str]) -> bool:
    """Return whether both CAM and Grad-CAM are there, which `layer_panels` can show in one unit."""
    return {"cam", "gradcam"} <= set(methods)


def layer_panels(row: LayerRow, options: LayerViewOptions) -> list[Panel]:
    """Return one panel for each method of a layer, in the chosen order.

    With `same_scale` CAM and Grad-CAM get one colour range, and Grad-CAM is multiplied by h·w. Grad-CAM's weights
    are the spatial *mean* of the gradients (Selvaraju et al. 2017, eq. 1); CAM's are the class weights that the
    network applies to the mean over the map (Zhou et al. 2016, eq. 2). Times h·w both are in the same unit, and
    for a linear head they are the same map. Without that factor Grad-CAM would look blank in the common range.
    """
    panels = {name: map_panel(method_map, options) for name, method_map in row.maps.items()}
    gradcam = row.maps.get("gradcam")
    if options.same_scale and comparable(list(panels)) and gradcam is not None and gradcam.values is not None:
        cells = gradcam.values.size
        title = f"{gradcam.title} × {cells:,} (h·w)"
        panels["gradcam"] = single_panel(title, gradcam.values * np.float32(cells), options)
        if panels["cam"].values is not None:
            pair = with_one_range([panels["cam"], panels["gradcam"]], options.relu)
            panels |= zip(("cam", "gradcam"), pair, strict=True)
    return list(panels.values())


def method_panels(
    report: LayerReport, method: str, fused: Sequence[MethodMap], options: LayerViewOptions
) -> list[Panel]:
    """Return one method at every layer, then its fused maps, each in a colour range of its own."""
    maps = [replace(row.maps[method], title=_layer_title(row, method)) for row in report.rows]
    return [map_panel(each, options) for each in (*maps, *fused)]


def _layer_title(row: LayerRow, method: str) -> str:
    """Return the layer's name, with a mark where CAM uses a probe's weights instead of the network's."""
    return f"{row.label} · probe" if row.maps[method].kind == "probe" and method == "cam" else row.label


def map_panel(method_map: MethodMap, options: LayerViewOptions) -> Panel:
    """Return the panel of a method's map, or of the reason why there is none."""
    if method_map.values is None:
        return Panel(method_map.title, None, 0.0 if options.relu else -1.0, 1.0, options.scale, method_map.note)
    return single_panel(method_map.title, method_map.values, options)


def _empty_note(display: np.ndarray, relu: bool) -> str:
    if display.any():
        return ""
    return "Nothing above zero at this layer." if relu else "The map is zero everywhere."
