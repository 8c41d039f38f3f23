from __future__ import annotations

from dashboard.figures.hover import Hover


def test_cells_are_named_by_their_centre():
    rows = Hover((224, 448), [(7, 7)]).rows()
    assert len(rows) == 7
    assert rows["80.0000"] == "row 3 of 7, pixels 64–96"
    assert Hover((224, 448), [(7, 7)]).columns()["416.0000"] == "column 7 of 7, pixels 384–448"


def test_cells_of_an_uneven_grid_stay_apart():
    columns = Hover((224, 224), [(13, 13)]).columns()
    assert len(columns) == 13
    assert columns[f"{224 / 26:.4f}"] == "column 1 of 13, pixels 0–17.2"


def test_resolutions_with_a_centre_in_common_keep_their_own_words():
    hover = Hover((224, 224), [(7, 7), (21, 21), (7, 7)])
    rows = hover.rows()
    assert len(rows) == 28
    assert rows[f"{16 + hover.shift((7, 7)):.4f}"].startswith("row 1 of 7")
    assert rows[f"{16 + hover.shift((21, 21)):.4f}"].startswith("row 2 of 21")
