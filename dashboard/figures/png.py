"""What the Layers page shows as a PNG, drawn on the server without a browser."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from dashboard.figures.layers import check_layer
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.overlay import wrapped
from dashboard.figures.palette import INKS, ORANGE, SKY, colormap
from dashboard.figures.panels import Panel, layer_panels, method_panels
from dashboard.figures.picture import outline

if TYPE_CHECKING:
    from analysis.explain.report.layers import LayerReport, MethodMap

LineStyle = Literal["solid", "dashed"]
DPI = 150
CELL = 4.0  # inches: a panel with the gap beside it
PANEL, GAP = 3.84, 0.12
ROW, TITLE, HEAD = 4.62, 0.3, 0.42  # inches: of a row of panels, of a title in it, of the heading
FOOT = 0.1
BAR_INSET = 0.08  # share of a panel left free on each side of its colour bar, for half a number
TICKS = 5  # intervals between the numbers of a colour bar
BACKGROUND = {"light": "#ffffff", "dark": "#0e1117"}

_drawing = Lock()  # matplotlib's text layout is not made for several threads


def view_png(report: LayerReport, layer_index: int, options: LayerViewOptions | None = None) -> bytes:
    """The photo and every method's map at one layer, as PNG bytes, 600 pixels a panel.

    The options mean what they mean in `layers_figure`; `options.layer` and `options.width` play no part.
    Raises ValueError when there is no such layer.
    """
    options = options or LayerViewOptions()
    check_layer(report, layer_index)
    row = report.rows[layer_index]
    heading = f"{row.label}, explaining {report.target_label}"
    return _sheet(report, layer_panels(row, options), heading, options)


def multiples_png(
    report: LayerReport, method: str, fused: Sequence[MethodMap] = (), options: LayerViewOptions | None = None
) -> bytes:
    """The photo, one method's map at every layer and the fused maps, as PNG bytes, 600 pixels a panel."""
    options = options or LayerViewOptions()
    title = report.rows[-1].maps[method].title
    heading = f"{title} at every layer, explaining {report.target_label}"
    return _sheet(report, method_panels(report, method, fused, options), heading, options)


def _sheet(report: LayerReport, panels: list[Panel], heading: str, options: LayerViewOptions) -> bytes:
    count = len(panels) + 1
    columns = count if count <= 3 else 4 if count <= 12 else 6
    rows = -(-count // columns)
    size = (columns * CELL, HEAD + rows * ROW + FOOT)
    with _drawing:
        figure = Figure(figsize=size, dpi=DPI, facecolor=BACKGROUND[options.theme])
        canvas = FigureCanvasAgg(figure)
        for number in range(count):
            row, column = divmod(number, columns)
            place = figure.add_axes(_box(column * CELL + GAP, HEAD + row * ROW + TITLE, PANEL, PANEL, size))
            if number == 0:
                _draw_photo(place, report, "The picture as the network saw it", options)
                continue
            content = panels[number - 1]
            _draw_photo(place, report, content.title, options)
            _draw_map(place, content, report.image.shape[:2], options)
            if content.values is not None:
                _draw_bar(figure, place, options)
        figure.text(
            GAP / size[0],
            1 - 0.08 / size[1],
            heading,
            va="top",
            fontsize=12,
            color=INKS[options.theme].text,
        )
        _name_outlines(figure, report, size, options)
        buffer = BytesIO()
        canvas.print_png(buffer)
    return buffer.getvalue()


def _box(
    left: float, top: float, width: float, height: float, size: tuple[float, float]
) -> tuple[float, float, float, float]:
    """A box given in inches from the upper left corner, as matplotlib wants it."""
    return left / size[0], 1 - (top + height) / size[1], width / size[0], height / size[1]


def _outlines(report: LayerReport, options: LayerViewOptions) -> list[tuple[str, np.ndarray, str, LineStyle]]:
    """Name, mask, colour and line style of the outlines that are wanted and there."""
    known: tuple[tuple[str, np.ndarray | None, bool, str, LineStyle], ...] = (
        ("animal", report.mask, options.animal_outline, SKY, "solid"),
        ("shortcut", report.shortcut, options.shortcut_outline, ORANGE, "dashed"),
    )
    return [
        (name, mask, colour, style)
        for name, mask, wanted, colour, style in known
        if wanted and mask is not None and np.any(mask)
    ]


def _name_outlines(
    figure: Figure, report: LayerReport, size: tuple[float, float], options: LayerViewOptions
) -> None:
    lines = [
        Line2D([], [], color=colour, linestyle=style, label=f"Outline of the {name}")
        for name, _, colour, style in _outlines(report, options)
    ]
    if lines:
        figure.legend(
            handles=lines,
            loc="upper left",
            bbox_to_anchor=(GAP / size[0], 1 - (HEAD + TITLE + PANEL) / size[1]),
            ncols=1,
            labelspacing=0.15,
            frameon=False,
            borderaxespad=0.15,
            labelcolor=INKS[options.theme].text,
            fontsize=8,
        )


def _draw_photo(place: Axes, report: LayerReport, title: str, options: LayerViewOptions) -> None:
    height, width = report.image.shape[:2]
    place.imshow(report.image, extent=(0, width, height, 0))
    place.set_axis_off()
    place.set_title(title, loc="left", fontsize=10, fontweight="bold", color=INKS[options.theme].text)
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


def _draw_bar(figure: Figure, mapped: Axes, options: LayerViewOptions) -> None:
    """A colour bar under a panel."""
    ink = INKS[options.theme]
    box = mapped.get_position()
    under = figure.add_axes(
        (
            box.x0 + BAR_INSET * box.width,
            box.y0 - 0.045 * box.height,
            (1 - 2 * BAR_INSET) * box.width,
            0.025 * box.height,
        )
    )
    numbers = ScalarFormatter()
    numbers.set_powerlimits((-2, 4))  # a common factor at the end of the bar instead of long numbers
    ticks = MaxNLocator(TICKS, steps=[1, 2, 5, 10])
    bar = figure.colorbar(mapped.images[-1], cax=under, orientation="horizontal", ticks=ticks, format=numbers)
    if bar.solids is not None:
        bar.solids.set_alpha(1)
    bar.outline.set_visible(False)
    under.tick_params(colors=ink.muted, labelsize=8)
    under.xaxis.offsetText.set(color=ink.muted, fontsize=8)
