"""Where the panels of a figure lie: a grid that wraps, computed in pixels, given to Plotly as fractions."""

from __future__ import annotations

import math
from dataclasses import dataclass

# All in pixels
GAP = 16  # between two panels of a row
BAR = 38  # a colour bar and its numbers
LINE = 17  # a line of a title
MARGIN = 8  # left and right of the figure
WIDEST = 480  # a wider panel shows the same cells larger and pushes the next row off the screen

MOST_COLUMNS = 4


@dataclass(frozen=True)
class Grid:
    """Panels of one size in rows and columns, each as wide as the figure allows.

    Attributes
    ----------
    panels, columns : how many.
    width : of the whole figure, in pixels.
    aspect : height of a panel divided by its width.
    lines : of text above each panel.
    """

    panels: int
    columns: int
    width: int
    aspect: float = 1.0
    lines: int = 1

    @property
    def rows(self) -> int:
        """How many rows the panels fill."""
        return math.ceil(self.panels / self.columns)

    @property
    def inner_width(self) -> int:
        """Pixels between the left and the right margin."""
        return self.width - 2 * MARGIN

    @property
    def panel_width(self) -> float:
        """Width of one panel in pixels."""
        return min((self.inner_width - GAP * (self.columns - 1)) / self.columns, WIDEST)

    @property
    def title_height(self) -> int:
        """Pixels above a panel for its title."""
        return self.lines * LINE + 8

    @property
    def row_height(self) -> float:
        """Pixels from the top of one title to the top of the next title below."""
        return self.title_height + self.panel_width * self.aspect + BAR

    @property
    def height(self) -> float:
        """Height of all rows in pixels."""
        return self.rows * self.row_height

    def place(self, panel: int) -> tuple[int, int]:
        """Return row and column of a panel, counted from 0 in reading order."""
        return divmod(panel, self.columns)

    def x_domain(self, column: int) -> tuple[float, float]:
        """Return the left and right edge of a column as fractions of the inner width."""
        left = column * (self.panel_width + GAP)
        return left / self.inner_width, min((left + self.panel_width) / self.inner_width, 1.0)

    def y_domain(self, row: int) -> tuple[float, float]:
        """Return the lower and upper edge of a row's panels as fractions of the height, counted from below."""
        top = row * self.row_height + self.title_height
        return 1 - (top + self.panel_width * self.aspect) / self.height, 1 - top / self.height


def fitting_grid(panels: int, width: int, narrowest: int, aspect: float = 1.0, lines: int = 1) -> Grid:
    """Return the grid with as many columns as fit, in rows of nearly equal length.

    Parameters
    ----------
    panels : how many.
    width : of the figure, in pixels.
    narrowest : the smallest width of a panel, in pixels; a single column may be narrower.
    aspect, lines : as in `Grid`.
    """
    fit = (width - 2 * MARGIN + GAP) // (narrowest + GAP)
    columns = max(1, min(fit, MOST_COLUMNS, panels))
    rows = math.ceil(panels / columns)
    return Grid(panels, math.ceil(panels / rows), width, aspect, lines)
