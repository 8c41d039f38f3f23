"""The text that appears when a mouse points at a cell, for maps of several resolutions on the same axes."""

from __future__ import annotations

from collections.abc import Iterable

# Plotly looks up the text by the centre of the cell, so that centres need one fixed format.
HOVER_FORMAT = ".4f"
# Cells of two resolutions can have the same centre. Each resolution is therefore shifted by a ten-thousandth of a
# pixel more than the one before, so that one table for each axis holds the texts of all.
_SHIFT = 1e-4


class Hover:
    """The texts for every cell of every resolution that a figure shows.

    Plotly replaces the label of a coordinate by its `labelalias`. A table of h + w texts for each resolution
    therefore replaces one text for each of the h·w cells.

    Parameters
    ----------
    picture : height and width of the picture in pixels.
    shapes : rows and columns of each map; the same shape may come several times.
    """

    def __init__(self, picture: tuple[int, int], shapes: Iterable[tuple[int, int]]) -> None:
        self.picture = picture
        self._order = {shape: number for number, shape in enumerate(dict.fromkeys(shapes))}

    def shift(self, shape: tuple[int, int]) -> float:
        """Return by how many pixels of the picture a map of this shape (h, w) is shifted."""
        return self._order[shape] * _SHIFT

    def rows(self) -> dict[str, str]:
        """Return the `labelalias` of the y axes: the text by the centre of each row."""
        return self._aliases(0, "row")

    def columns(self) -> dict[str, str]:
        """Return the `labelalias` of the x axes: the text by the centre of each column."""
        return self._aliases(1, "column")

    def _aliases(self, side: int, name: str) -> dict[str, str]:
        texts: dict[str, str] = {}
        for shape in self._order:
            cells = shape[side]
            size = self.picture[side] / cells
            for index in range(cells):
                centre = (index + 0.5) * size + self.shift(shape)
                pixels = f"{_pixel(index * size)}–{_pixel((index + 1) * size)}"
                texts[f"{centre:{HOVER_FORMAT}}"] = f"{name} {index + 1} of {cells}, pixels {pixels}"
        return texts


def _pixel(edge: float) -> str:
    return f"{edge:.1f}".removesuffix(".0")
