"""What the CAM panel and the Grad-CAM panel of one layer show, before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dashboard.figures.options import LayerViewOptions

if TYPE_CHECKING:
    from analysis.explain.report import LayerRow


@dataclass(frozen=True)
class Panel:
    """One map ready to be coloured: values (h, w) or None, range and name of its colours, title and note.

    The note says why there is no map, or why the map is empty; it is "" otherwise.
    """

    title: str
    values: np.ndarray | None
    low: float
    high: float
    scale: str
    note: str = ""


def cam_title(row: LayerRow) -> str:
    """The panel title that says which kind of class activation map this is."""
    if row.cam is None:
        return "CAM (none here)"
    if row.cam_kind == "exact":
        return "CAM (exact)"
    if row.cam_kind == "book":
        return "CAM as in the book (approximation)"
    if row.probe_accuracy is None:
        return "CAM of a linear probe"
    return f"CAM of a linear probe (accuracy {row.probe_accuracy:.2f})"


def displayed(values: np.ndarray, relu: bool) -> np.ndarray:
    """The map as shown: float32, negative values set to 0 when `relu`."""
    shown = np.asarray(values, dtype=np.float32)
    return np.maximum(shown, 0) if relu else shown


def colour_range(maps: list[np.ndarray], relu: bool) -> tuple[float, float]:
    """The colour range of some displayed maps: 0 to the maximum after ReLU, else symmetric around zero."""
    strongest = max((float(np.abs(values).max()) for values in maps), default=0.0)
    high = strongest if strongest > 0 else 1.0
    return (0.0 if relu else -high), high


def single_panel(title: str, values: np.ndarray, options: LayerViewOptions) -> Panel:
    """A panel with a colour range of its own."""
    shown = displayed(values, options.relu)
    low, high = colour_range([shown], options.relu)
    return Panel(title, shown, low, high, options.scale, _empty_note(shown, options.relu))


def with_one_range(panels: list[Panel], relu: bool) -> list[Panel]:
    """The same panels, all in the colour range that holds them all."""
    low, high = colour_range([panel.values for panel in panels if panel.values is not None], relu)
    return [replace(panel, low=low, high=high) for panel in panels]


def layer_panels(row: LayerRow, options: LayerViewOptions) -> tuple[Panel, Panel]:
    """The CAM panel and the Grad-CAM panel of one layer.

    With `same_scale` Grad-CAM is shown times h·w. Its weights are the spatial *mean* of the gradients
    (Selvaraju et al. 2017, eq. 1), CAM's are class weights in front of the mean over the map (Zhou et al.
    2016, eq. 2): times h·w both are in the same unit, and for a linear head they are the same map. Without
    that factor one range for both would leave Grad-CAM blank.
    """
    gradcam, title = row.gradcam, "Grad-CAM"
    if options.same_scale:
        cells = int(gradcam.size)
        gradcam, title = gradcam * np.float32(cells), f"Grad-CAM × {cells:,} (h·w)"
    right = single_panel(title, gradcam, options)
    if row.cam is None:
        return Panel(cam_title(row), None, right.low, right.high, options.scale, row.cam_note), right
    left = single_panel(cam_title(row), row.cam, options)
    if options.same_scale:
        left, right = with_one_range([left, right], options.relu)
    return left, right


def _empty_note(shown: np.ndarray, relu: bool) -> str:
    if shown.any():
        return ""
    return "Nothing above zero at this layer." if relu else "The map is zero everywhere."
