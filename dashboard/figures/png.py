"""One layer's view as a PNG, drawn on the server without a browser."""

from __future__ import annotations

from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dashboard.figures.options import LayerViewOptions
from dashboard.figures.overlay import wrapped
from dashboard.figures.palette import INKS, ORANGE, SKY, colormap
from dashboard.figures.panels import Panel, layer_panels
from dashboard.figures.picture import outline

if TYPE_CHECKING:
    from analysis.explain.report import LayerReport

DPI = 150
INCHES = (12.0, 4.9)
WIDTH, GAP = 0.32, 0.01  # of a panel and between two, as parts of the figure
BOTTOM, TOP = 0.115, 0.9
BACKGROUND = {"light": "#ffffff", "dark": "#0e1117"}

_drawing = Lock()  # matplotlib's text layout is not made for several threads


def view_png(report: LayerReport, layer_index: int, options: LayerViewOptions | None = None) -> bytes:
    """The photo, its CAM and its Grad-CAM at one layer, 1800 x 735 pixels, as PNG bytes.

    The options mean what they mean in `layers_figure`; `options.layer` and `options.height` play no part.
    Raises ValueError when there is no such layer.
    """
    if not 0 <= layer_index < len(report.rows):
        raise ValueError(f"layer {layer_index} is not one of the report's {len(report.rows)} layers")
    options = options or LayerViewOptions()
    row = report.rows[layer_index]
    with _drawing:
        figure = Figure(figsize=INCHES, dpi=DPI, facecolor=BACKGROUND[options.theme])
        canvas = FigureCanvasAgg(figure)
        axes = [figure.add_axes((_left(panel), BOTTOM, WIDTH, TOP - BOTTOM)) for panel in range(3)]
        _draw_photo(axes[0], report, "The picture as the network saw it", options)
        panels = layer_panels(row, options)
        for number, (place, content) in enumerate(zip(axes[1:], panels, strict=True)):
            _draw_photo(place, report, content.title, options)
            _draw_map(place, content, report.image.shape[:2], options)
            shared = options.same_scale and panels[0].values is not None
            if place.images[1:] and not (shared and number == 0):
                _draw_bar(figure, (1 if shared else number + 1, number + 1), place, options)
        figure.text(
            GAP,
            0.985,
            f"{row.label}, explaining {report.target_label}",
            va="top",
            fontsize=12,
            color=INKS[options.theme].text,
        )
        _name_outlines(figure, report, options)
        buffer = BytesIO()
        canvas.print_png(buffer)
    return buffer.getvalue()


def _outlines(report: LayerReport, options: LayerViewOptions) -> list[tuple[str, np.ndarray, str, str]]:
    """Name, mask, colour and line style of the outlines that are wanted and there."""
    known = (
        ("pet", report.mask, options.pet_outline, SKY, "solid"),
        ("shortcut", report.shortcut, options.shortcut_outline, ORANGE, "dashed"),
    )
    return [
        (name, mask, colour, style)
        for name, mask, wanted, colour, style in known
        if wanted and mask is not None and np.any(mask)
    ]


def _name_outlines(figure: Figure, report: LayerReport, options: LayerViewOptions) -> None:
    lines = [
        Line2D([], [], color=colour, linestyle=style, label=f"Outline of the {name}")
        for name, _, colour, style in _outlines(report, options)
    ]
    if lines:
        figure.legend(
            handles=lines,
            loc="upper left",
            bbox_to_anchor=(GAP, BOTTOM),
            ncols=2,
            frameon=False,
            borderaxespad=0.4,
            labelcolor=INKS[options.theme].text,
            fontsize=9,
        )


def _draw_photo(place: Axes, report: LayerReport, title: str, options: LayerViewOptions) -> None:
    height, width = report.image.shape[:2]
    place.imshow(report.image, extent=(0, width, height, 0))
    place.set_axis_off()
    place.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INKS[options.theme].text)
    for _, mask, colour, style in _outlines(report, options):
        x, y = outline(mask)
        place.plot(x, y, color="black", linewidth=3)
        place.plot(x, y, color=colour, linewidth=1.6, linestyle=style)


def _draw_map(place: Axes, content: Panel, picture: tuple[int, int], options: LayerViewOptions) -> None:
    ink = INKS[options.theme]
    if content.values is not None:
        place.imshow(
            content.values,
            extent=(0, picture[1], picture[0], 0),
            cmap=colormap(content.scale),
            vmin=content.low,
            vmax=content.high,
            alpha=options.opacity,
            interpolation="bilinear" if options.smooth else "nearest",
        )
    if content.note:
        place.text(
            0.5,
            0.5,
            wrapped(content.note).replace("<br>", "\n"),
            transform=place.transAxes,
            ha="center",
            va="center",
            color=ink.text,
            bbox={"facecolor": ink.surface, "edgecolor": ink.grid, "pad": 6},
        )


def _left(panel: int) -> float:
    return GAP + panel * (WIDTH + GAP)


def _draw_bar(figure: Figure, panels: tuple[int, int], mapped: Axes, options: LayerViewOptions) -> None:
    """One colour bar under the panels from the first to the last of `panels`."""
    ink = INKS[options.theme]
    first, last = panels
    width = _left(last) + WIDTH - _left(first)
    under = figure.add_axes((_left(first) + 0.02 * width, BOTTOM - 0.035, 0.96 * width, 0.02))
    bar = figure.colorbar(mapped.images[-1], cax=under, orientation="horizontal")
    bar.solids.set_alpha(1)
    bar.outline.set_visible(False)
    under.tick_params(colors=ink.muted, labelsize=8)
    under.xaxis.offsetText.set(color=ink.muted, fontsize=8)
