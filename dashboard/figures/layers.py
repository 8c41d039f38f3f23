"""Methods side by side at every layer in one figure, with a layer slider that needs no server."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from dashboard.figures.grid import Grid, fitting_grid
from dashboard.figures.hover import Hover
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.outlines import add_outlines, room_below
from dashboard.figures.overlay import heat_map, panel_note, panel_title, photo_panels, title_lines
from dashboard.figures.panels import Panel, layer_panels
from dashboard.figures.sliders import (
    height_above,
    layer_name,
    layer_slider,
    opacity_name,
    opacity_slider,
    step_labels,
)

if TYPE_CHECKING:
    from analysis.explain.report.layers import LayerReport

# Pixels of a panel; where there is less room, fewer panels lie side by side.
NARROWEST, NARROWEST_OF_MANY = 200, 180
MANY_METHODS = 5


def layers_figure(report: LayerReport, options: LayerViewOptions | None = None) -> go.Figure:
    """Return one linked panel for each method, and Plotly's own slider through the layers.

    The maps of every layer are in the figure, at their own resolution. A step of the slider changes `visible`,
    titles and notes in the browser, so that the zoom stays and nothing is sent. The panels wrap to the options'
    width.

    Raises
    ------
    ValueError : when the report has no layer, or `options.layer` is not one of its layers.
    """
    options = options or LayerViewOptions()
    check_layer(report, options.layer)
    views = [layer_panels(row, options) for row in report.rows]
    grid = _grid(report, views, options)
    hover = Hover(
        report.image.shape[:2],
        (panel.values.shape for view in views for panel in view if panel.values is not None),
    )
    above = height_above(grid)
    figure = photo_panels(report.image, grid, hover, options, above, room_below(report))
    layer_of_trace: list[int] = []
    for index, view in enumerate(views):
        for panel, content in enumerate(view):
            if content.values is not None:
                bar = _bar(panel, view, report.methods, grid, options)
                visible = index == options.layer
                figure.add_trace(heat_map(content, panel, grid, hover, options, bar, visible))
                layer_of_trace.append(index)
    add_outlines(figure, report, grid, options)
    annotations = [_annotations(report, view, index, grid, options) for index, view in enumerate(views)]
    figure.update_layout(
        annotations=annotations[options.layer],
        sliders=[
            layer_slider(_steps(report, annotations, layer_of_trace, grid), options.layer, grid, options),
            opacity_slider(len(layer_of_trace), grid, options),
        ],
        uirevision=f"{zlib.crc32(report.image.tobytes())}-{grid.columns}",
    )
    return figure


def check_layer(report: LayerReport, layer: int) -> None:
    """Raise ValueError when the report has no layers, or no layer of this index."""
    if not report.rows:
        raise ValueError("the report has no layers: the model has no explainable layer to show")
    if not 0 <= layer < len(report.rows):
        raise ValueError(f"layer {layer} is not one of the report's {len(report.rows)} layers (0 is the first)")


def _grid(report: LayerReport, views: list[list[Panel]], options: LayerViewOptions) -> Grid:
    height, width = report.image.shape[:2]
    panels = len(report.methods)
    narrowest = NARROWEST if panels < MANY_METHODS else NARROWEST_OF_MANY
    grid = fitting_grid(panels, options.width, narrowest, height / width)
    lines = title_lines([panel.title for view in views for panel in view], grid)
    return replace(grid, lines=lines)


def _bar(
    panel: int, view: list[Panel], methods: tuple[str, ...], grid: Grid, options: LayerViewOptions
) -> tuple[int, int] | None:
    """Return the first and last column over which a panel's colour bar runs, or None for no bar.

    On one scale CAM and Grad-CAM share the bar under both, if they are neighbours and both have a map.
    """
    column = grid.place(panel)[1]
    if not options.same_scale or methods[panel] not in ("cam", "gradcam"):
        return column, column
    pair = [number for number, name in enumerate(methods) if name in ("cam", "gradcam")]
    neighbours = len(pair) == 2 and pair[1] == pair[0] + 1 and grid.place(pair[0])[0] == grid.place(pair[1])[0]
    if not neighbours or any(view[number].values is None for number in pair):
        return column, column
    return (column - 1, column) if panel == pair[1] else None


def _annotations(
    report: LayerReport, view: list[Panel], index: int, grid: Grid, options: LayerViewOptions
) -> list[dict[str, Any]]:
    """Return the annotations of one layer, in the same order for every layer: titles, notes, slider names."""
    titles = [panel_title(panel, content.title, grid, options) for panel, content in enumerate(view)]
    notes = [panel_note(panel, content.note, grid, options) for panel, content in enumerate(view)]
    name = f"Layer {index + 1} of {len(report.rows)}: <b>{report.rows[index].label}</b>"
    return [*titles, *notes, layer_name(name, grid, options), opacity_name(grid, options)]


def _steps(
    report: LayerReport, annotations: list[list[dict[str, Any]]], layer_of_trace: list[int], grid: Grid
) -> list[tuple[str, list[Any]]]:
    """Return each layer's label and what its step changes; text that is the same at every layer is left out."""
    varying = [
        (number, key)
        for number, same_place in enumerate(zip(*annotations, strict=True))
        for key in ("text", "visible")
        if len({annotation.get(key) for annotation in same_place}) > 1
    ]
    labels = step_labels([row.label for row in report.rows], grid)
    return [
        (
            label,
            [
                {"visible": [layer == index for layer in layer_of_trace]},
                {f"annotations[{number}].{key}": annotations[index][number][key] for number, key in varying},
                list(range(len(layer_of_trace))),  # not the outlines: the reader may have hidden them
            ],
        )
        for index, label in enumerate(labels)
    ]
