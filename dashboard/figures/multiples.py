"""Small multiples: one method at every layer, and all its layers fused into one map."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from dashboard.figures.grid import fitting_grid
from dashboard.figures.hover import Hover
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.outlines import add_outlines, room_below
from dashboard.figures.overlay import heat_map, panel_note, panel_title, photo_panels, title_lines
from dashboard.figures.panels import method_panels
from dashboard.figures.sliders import height_above, opacity_name, opacity_slider

if TYPE_CHECKING:
    from analysis.explain.report.layers import LayerReport, MethodMap

NARROWEST = 150  # pixels of a panel: two fit side by side on a phone


def multiples_figure(
    report: LayerReport, method: str, fused: Sequence[MethodMap] = (), options: LayerViewOptions | None = None
) -> go.Figure:
    """Return one linked panel for each layer, then the fused maps; the panels wrap to the options' width.

    Raises
    ------
    ValueError : when the report does not hold the method.
    """
    options = options or LayerViewOptions()
    if method not in report.methods:
        raise ValueError(f"the report holds {', '.join(report.methods)}, not {method!r}")
    panels = method_panels(report, method, fused, options)
    height, width = report.image.shape[:2]
    grid = fitting_grid(len(panels), options.width, NARROWEST, height / width)
    lines = title_lines([panel.title for panel in panels], grid)
    grid = replace(grid, lines=lines)
    hover = Hover((height, width), (panel.values.shape for panel in panels if panel.values is not None))
    above = height_above(grid, layers=False)
    figure = photo_panels(report.image, grid, hover, options, above, room_below(report))
    annotations, maps = [], 0
    for number, content in enumerate(panels):
        annotations += [
            panel_title(number, content.title, grid, options),
            panel_note(number, content.note, grid, options),
        ]
        if content.values is not None:
            column = grid.place(number)[1]
            figure.add_trace(heat_map(content, number, grid, hover, options, (column, column)))
            maps += 1
    add_outlines(figure, report, grid, options)
    figure.update_layout(
        annotations=[*annotations, opacity_name(grid, options, layers=False)],
        sliders=[opacity_slider(maps, grid, options, layers=False)],
        uirevision=f"{zlib.crc32(report.image.tobytes())}-{method}-{grid.columns}",
    )
    return figure
