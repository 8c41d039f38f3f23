"""CAM beside Grad-CAM through all layers in one figure, with a slider that asks the server for nothing."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from dashboard.figures.options import LayerViewOptions
from dashboard.figures.overlay import (
    axis_number,
    cell_aliases,
    domain,
    heat_map,
    panel_note,
    panel_title,
    photo_panels,
)
from dashboard.figures.palette import INKS, ORANGE, SKY
from dashboard.figures.panels import Panel, layer_panels
from dashboard.figures.picture import outline

if TYPE_CHECKING:
    from analysis.explain.report import LayerReport, LayerRow

PANELS = 2
OPACITY_STEP = 5  # percent
MOST_NAMED_STEPS = 10  # more steps than this are numbered, or their names would run into each other


def layers_figure(report: LayerReport, options: LayerViewOptions | None = None) -> go.Figure:
    """All layers of a report, two linked panels, and Plotly's own slider over the layers.

    Every layer's maps are in the figure at their own resolution; a slider step switches `visible`, the
    titles and the hover texts in the browser, so that the zoom stays and nothing is sent.

    Raises ValueError when the report has no layer or `options.layer` is not one of its layers.
    """
    options = options or LayerViewOptions()
    _check_layer(report, options.layer)
    figure = photo_panels(report.image, PANELS, options)
    owners: list[int] = []
    views = [layer_panels(row, options) for row in report.rows]
    for index, view in enumerate(views):
        for panel, content in enumerate(view):
            if content.values is None:
                continue
            place = (panel, PANELS)
            bar: tuple[float, float] | None = domain(*place)
            if options.same_scale and view[0].values is not None:
                bar = (0.0, 1.0) if panel == 1 else None
            visible = index == options.layer
            figure.add_trace(heat_map(content, report.image.shape[:2], place, options, bar, visible))
            owners.append(index)
    _add_outlines(figure, report, options)
    figure.update_layout(
        **_layer_layout(report, views, options.layer, options),
        sliders=[_layer_slider(report, views, owners, options), _opacity_slider(len(owners), options)],
        margin={"l": 8, "r": 8, "t": 48, "b": 156},
        uirevision=str(zlib.crc32(report.image.tobytes())),
        legend={
            "orientation": "h",
            "x": 1,
            "xanchor": "right",
            "y": 0.06,
            "yref": "container",
            "yanchor": "bottom",
            "font": {"color": INKS[options.theme].text},
        },
    )
    return figure


def _check_layer(report: LayerReport, layer: int) -> None:
    if not report.rows:
        raise ValueError("the report has no layers: the model has no explainable layer to show")
    if not 0 <= layer < len(report.rows):
        raise ValueError(f"layer {layer} is not one of the report's {len(report.rows)} layers (0 is the first)")


def step_labels(report: LayerReport) -> list[str]:
    """Short names for the slider's ticks: the label up to its first "·", or numbers when there are many."""
    names = [row.label.split("·")[0].strip() for row in report.rows]
    if len(names) > MOST_NAMED_STEPS or any(len(name) > 9 for name in names):
        return [str(number) for number in range(1, len(names) + 1)]
    return names


def _layer_layout(
    report: LayerReport, views: list[tuple[Panel, Panel]], index: int, options: LayerViewOptions
) -> dict[str, Any]:
    """The parts of the layout that belong to one layer: titles, notes, the layer's name and hover texts."""
    row, view = report.rows[index], views[index]
    annotations = [panel_title(panel, content.title, options) for panel, content in enumerate(view)]
    annotations += [panel_note(panel, content.note, options) for panel, content in enumerate(view)]
    name = f"Layer {index + 1} of {len(report.rows)}: <b>{row.label}</b>"
    annotations += [_below(name, 44, 14, options), _below("Opacity", 130, 12, options)]
    layout: dict[str, Any] = {"annotations": annotations}
    for panel, (horizontal, vertical) in enumerate(_hover_texts(row, report.image.shape[:2])):
        layout[f"xaxis{axis_number(panel)}_labelalias"] = horizontal
        layout[f"yaxis{axis_number(panel)}_labelalias"] = vertical
    return layout


def _below(text: str, pixels: int, size: int, options: LayerViewOptions) -> dict[str, Any]:
    """An annotation at the left edge, that many pixels below the panels."""
    return {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": 0,
        "yshift": -pixels,
        "xanchor": "left",
        "yanchor": "top",
        "showarrow": False,
        "font": {"size": size, "color": INKS[options.theme].text},
    }


def _hover_texts(row: LayerRow, picture: tuple[int, int]) -> list[tuple[dict[str, str], dict[str, str]]]:
    texts = []
    for values in (row.gradcam if row.cam is None else row.cam, row.gradcam):
        rows, columns = values.shape
        texts.append((cell_aliases(columns, picture[1], "column"), cell_aliases(rows, picture[0], "row")))
    return texts


def _layer_slider(
    report: LayerReport, views: list[tuple[Panel, Panel]], owners: list[int], options: LayerViewOptions
) -> dict[str, Any]:
    steps = []
    for index, label in enumerate(step_labels(report)):
        layout = _layer_layout(report, views, index, options)
        changes: dict[str, Any] = {
            f"annotations[{number}].{key}": annotation[key]
            for number, annotation in enumerate(layout.pop("annotations"))
            for key in ("text", "visible")
            if key in annotation
        }
        changes |= {name.replace("_", "."): aliases for name, aliases in layout.items()}
        steps.append(
            {
                "label": label,
                "method": "update",
                # the third argument leaves the outlines alone, which a person may have hidden
                "args": [{"visible": [owner == index for owner in owners]}, changes, list(range(len(owners)))],
            }
        )
    return {
        **_slider_look(options),
        "active": options.layer,
        "steps": steps,
        "len": 1,
        "pad": {"t": 68, "l": 6, "r": 6},
    }


def _opacity_slider(maps: int, options: LayerViewOptions) -> dict[str, Any]:
    """The opacity of all maps, changed in the browser: a new figure would lose the layer and the zoom."""
    percents = range(0, 101, OPACITY_STEP)
    steps = [
        {
            "label": "",
            "method": "restyle",
            "args": [{"opacity": percent / 100}, list(range(maps))],
        }
        for percent in percents
    ]
    return {
        **_slider_look(options),
        "active": round(options.opacity * 100 / OPACITY_STEP),
        "steps": steps,
        "len": 0.4,
        "pad": {"t": 132, "l": 70, "r": 6},
        "ticklen": 0,
        "minorticklen": 0,
    }


def _slider_look(options: LayerViewOptions) -> dict[str, Any]:
    ink = INKS[options.theme]
    return {
        "x": 0,
        "y": 0,
        "yanchor": "top",
        "currentvalue": {"visible": False},
        "bgcolor": ink.grid,
        "activebgcolor": ink.muted,
        "bordercolor": ink.muted,
        "tickcolor": ink.muted,
        "font": {"size": 12, "color": ink.text},
        "transition": {"duration": 0},
    }


def _add_outlines(figure: go.Figure, report: LayerReport, options: LayerViewOptions) -> None:
    """Outlines of the masks there are; the legend switches them in the browser, the options at the start."""
    wanted = (
        ("pet", report.mask, options.pet_outline, SKY, "solid"),
        ("shortcut", report.shortcut, options.shortcut_outline, ORANGE, "dash"),
    )
    for name, mask, switched_on, colour, dash in wanted:
        if mask is None or not np.any(mask):
            continue
        x, y = outline(mask)
        lines = ({"color": "black", "width": 4}, {"color": colour, "width": 2, "dash": dash})
        for panel in range(PANELS):
            for line in lines:  # a black line under the coloured one stands out on every colour scale
                figure.add_trace(
                    go.Scatter(
                        x=x,
                        y=y,
                        xaxis=f"x{axis_number(panel)}",
                        yaxis=f"y{axis_number(panel)}",
                        mode="lines",
                        line=line,
                        name=f"Outline of the {name}",
                        legendgroup=name,
                        visible=True if switched_on else "legendonly",
                        showlegend=panel == 0 and line is lines[-1],
                        hoverinfo="skip",
                    )
                )
