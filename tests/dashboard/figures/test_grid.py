from __future__ import annotations

from itertools import pairwise

import pytest

from dashboard.figures.grid import WIDEST, fitting_grid


@pytest.mark.parametrize(
    ("panels", "width", "columns"),
    [(1, 900, 1), (2, 850, 2), (3, 850, 3), (4, 850, 2), (5, 850, 3), (20, 1400, 4), (20, 380, 1), (2, 100, 1)],
)
def test_as_many_columns_as_fit_and_rows_balanced(panels, width, columns):
    grid = fitting_grid(panels, width, 250)
    assert grid.columns == columns
    assert (grid.rows - 1) * grid.columns < panels <= grid.rows * grid.columns


def test_columns_share_the_width_without_touching():
    grid = fitting_grid(3, 850, 200)
    edges = [grid.x_domain(column) for column in range(3)]
    assert edges[0][0] == 0
    assert edges[-1][1] == pytest.approx(1)
    assert all(left[1] < right[0] for left, right in pairwise(edges))


def test_rows_leave_room_for_titles_and_bars():
    grid = fitting_grid(6, 850, 250, aspect=0.5, lines=2)
    upper, lower = grid.y_domain(0), grid.y_domain(1)
    assert (upper[1] - upper[0]) * grid.height == pytest.approx(grid.panel_width / 2)
    assert (1 - upper[1]) * grid.height == pytest.approx(grid.title_height)
    assert upper[0] > lower[1]
    assert lower[0] > 0


def test_panels_do_not_grow_beyond_what_is_useful():
    assert fitting_grid(1, 2000, 250).panel_width == WIDEST
