"""What happens to a map without `keepdim=True`: an error, a silently wrong map, or by chance the right one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.figures.grid import fitting_grid
from dashboard.figures.hover import Hover
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.overlay import heat_map, panel_note, panel_title, photo_panels, title_lines
from dashboard.figures.palette import DIVERGING, INKS, SKY, Theme
from dashboard.figures.panels import Panel, single_panel, with_one_range

if TYPE_CHECKING:
    from analysis.explain.studies.keepdim import KeepdimCase, KeepdimCell

CELL = "cell"
"""Name of the table's selection: `event.selection["cell"]` is `[{"layer": ..., "size": ...}]`."""

NARROWEST = 200  # pixels of a panel; where there is less room, fewer stand side by side

MEANING = {
    "raises": "PyTorch raises an error",
    "silent": "a wrong map without any warning",
    "right": "happens to be right",
}


def keepdim_panels(case: KeepdimCase, options: LayerViewOptions) -> list[Panel]:
    """Return the panels without keepdim, with keepdim and, where both maps exist, of their difference.

    The difference is signed also after ReLU; it then gets the first diverging colour scale.
    """
    right = single_panel("With keepdim (right)", case.right, options)
    if case.wrong is None:
        note = "No map: this raises an error." if case.error is None else f"No map. {case.error}"
        return [Panel("Without keepdim (raises)", None, right.low, right.high, options.scale, note), right]
    verdict = "right by chance" if case.outcome == "right" else "wrong"
    wrong = single_panel(f"Without keepdim ({verdict})", case.wrong, options)
    panels = [wrong, right]
    if options.same_scale:
        panels = with_one_range(panels, options.relu)
    if case.difference is not None:
        signed = replace(options, relu=False, colours=DIVERGING[0] if options.relu else options.colours)
        panels.append(single_panel("Difference", case.difference, signed))
    return panels


def _subtitles(case: KeepdimCase) -> list[str]:
    """Return the second line of each panel's title; it may be empty."""
    if case.wrong is None:
        return ["", f"{case.right.shape[0]} × {case.right.shape[1]}"]
    correlation = "not defined" if case.correlation is None else f"{case.correlation:+.2f}"
    size = f"{case.right.shape[0]} × {case.right.shape[1]}"
    return [f"correlation with the right one: {correlation}", size, "without minus with"]


def keepdim_figure(case: KeepdimCase, image: np.ndarray, options: LayerViewOptions | None = None) -> go.Figure:
    """Return the map without keepdim, the map with it and their difference, each over the photo.

    Zooming one panel zooms all. The panels wrap to the options' width.

    Parameters
    ----------
    image : the photo, uint8 (H, W, 3).
    """
    options = options or LayerViewOptions()
    panels = keepdim_panels(case, options)
    height, width = image.shape[:2]
    grid = fitting_grid(len(panels), options.width, NARROWEST, height / width)
    lines = title_lines([panel.title for panel in panels], grid) + 1  # the subtitle
    grid = replace(grid, lines=lines)
    hover = Hover((height, width), (panel.values.shape for panel in panels if panel.values is not None))
    figure = photo_panels(image, grid, hover, options)
    annotations = []
    for number, (content, subtitle) in enumerate(zip(panels, _subtitles(case), strict=False)):
        annotations += [
            panel_title(number, content.title, grid, options, below=subtitle or " "),
            panel_note(number, content.note, grid, options),
        ]
        if content.values is not None:
            column = grid.place(number)[1]
            figure.add_trace(heat_map(content, number, grid, hover, options, (column, column)))
    figure.update_layout(annotations=annotations, uirevision=f"keepdim-{grid.columns}")
    return figure


def keepdim_table_chart(
    cells: Sequence[KeepdimCell], labels: Mapping[str, str] | None = None, theme: Theme = "light"
) -> alt.LayerChart:
    """Return a table with layers in rows and input sizes in columns: what happens without keepdim.

    A click selects a cell under the name `CELL`.

    Parameters
    ----------
    labels : readable names of the layers, by module name.
    """
    ink = INKS[theme]
    labels = labels or {}
    table = pd.DataFrame(
        {
            "layer": [cell.layer for cell in cells],
            "name": [labels.get(cell.layer, cell.layer) for cell in cells],
            "size": [cell.size for cell in cells],
            "outcome": [cell.outcome for cell in cells],
            "shape": [f"{cell.channels}×{cell.height}×{cell.width}" for cell in cells],
            "meaning": [MEANING[cell.outcome] for cell in cells],
        }
    )
    click = alt.selection_point(name=CELL, fields=["layer", "size"], on="click", empty=True)
    base = alt.Chart(table).encode(
        x=alt.X("size:O", title="Input size in pixels").axis(
            orient="top", labelAngle=0, labelFlush=False, ticks=False
        ),
        y=alt.Y("name:N", sort=list(dict.fromkeys(table["name"])), title=None).axis(
            labelLimit=220, labelOverlap=False, labelFlush=False, ticks=False
        ),
        tooltip=[
            alt.Tooltip("name:N", title="Layer"),
            alt.Tooltip("size:O", title="Input size"),
            alt.Tooltip("shape:N", title="Channels × height × width"),
            alt.Tooltip("meaning:N", title="Without keepdim"),
        ],
    )
    rectangles = base.mark_rect(stroke=ink.grid, strokeWidth=1, cursor="pointer").encode(
        color=alt.Color("outcome:N", title="Without keepdim")
        .scale(domain=list(MEANING), range=[ink.surface, ink.bad, SKY])
        .legend(orient="bottom", symbolStrokeWidth=1, symbolSize=160),
        opacity=alt.when(click).then(alt.value(1.0)).otherwise(alt.value(0.5)),
    )
    text_colour = alt.condition("datum.outcome == 'raises'", alt.value(ink.text), alt.value("black"))
    outcomes = base.mark_text(dy=-7, fontSize=12, fontWeight="bold", cursor="pointer").encode(
        text="outcome:N", color=text_colour
    )
    shapes = base.mark_text(dy=8, fontSize=10, cursor="pointer").encode(text="shape:N", color=text_colour)
    return alt.LayerChart(
        layer=[rectangles.add_params(click), outcomes, shapes], width=alt.Step(88), height=alt.Step(40)
    )
