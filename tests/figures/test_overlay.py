from __future__ import annotations

from itertools import pairwise

import pytest

from dashboard.figures.options import LayerViewOptions
from dashboard.figures.overlay import CONFIG, cell_aliases, domain, photo_panels


def test_cells_are_named_by_their_centre():
    names = cell_aliases(7, 224, "row")
    assert len(names) == 7
    assert names["80.000"] == "row 3 of 7, pixels 64–96"
    assert names["208.000"] == "row 7 of 7, pixels 192–224"


def test_cells_of_an_uneven_grid_stay_apart():
    names = cell_aliases(13, 224, "column")
    assert len(names) == 13
    assert names[f"{224 / 26:.3f}"] == "column 1 of 13, pixels 0–17.2"


@pytest.mark.parametrize("panels", [2, 3])
def test_panels_share_the_width_without_touching(panels):
    edges = [domain(panel, panels) for panel in range(panels)]
    assert edges[0][0] == 0
    assert edges[-1][1] == pytest.approx(1)
    assert all(left[1] < right[0] for left, right in pairwise(edges))
    assert len({round(right - left, 9) for left, right in edges}) == 1


def test_panels_are_linked_square_and_carry_the_photo_below(report):
    figure = photo_panels(report.image[:100], 3, LayerViewOptions())
    layout = figure.layout
    assert (layout.xaxis.range, layout.yaxis.range) == ((0, 224), (100, 0))
    assert layout.yaxis.scaleanchor == "x"
    assert (layout.xaxis2.matches, layout.xaxis3.matches) == ("x", "x")
    assert (layout.yaxis2.matches, layout.yaxis3.matches) == ("y", "y")
    assert [(image.xref, image.sizex, image.sizey, image.layer) for image in layout.images] == [
        (axis, 224, 100, "below") for axis in ("x", "x2", "x3")
    ]


def test_nothing_offers_to_upload_the_picture():
    assert CONFIG["showSendToCloud"] is False
