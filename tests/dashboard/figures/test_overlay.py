from __future__ import annotations

from dashboard.figures.grid import fitting_grid
from dashboard.figures.hover import Hover
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.overlay import CONFIG, panel_title, photo_panels, title_lines

OPTIONS = LayerViewOptions()


def test_panels_are_linked_square_and_carry_the_photo_below(report):
    grid, hover = fitting_grid(5, 700, 200, 100 / 224), Hover((100, 224), [(7, 7)])
    layout = photo_panels(report.image[:100], grid, hover, OPTIONS).layout
    assert (layout.xaxis.range, layout.yaxis.range) == ((0, 224), (100, 0))
    assert layout.yaxis.scaleanchor == "x"
    assert (layout.xaxis2.matches, layout.xaxis3.matches) == ("x", "x")
    assert layout.yaxis2.matches == "y"
    assert [(image.xref, image.yref, image.sizex, image.sizey, image.layer) for image in layout.images] == [
        (x, y, 224, 100, "below") for x, y in (("x", "y"), ("x2", "y"), ("x3", "y"), ("x", "y2"), ("x2", "y2"))
    ]


def test_a_title_wraps_to_its_panel():
    grid = fitting_grid(2, 400, 150)
    text = panel_title(0, "CAM of a linear probe (accuracy 0.58)", grid, OPTIONS)["text"]
    assert text.count("<br>") == title_lines(["CAM of a linear probe (accuracy 0.58)"], grid) - 1 == 1
    assert panel_title(1, "CAM", grid, OPTIONS, below="more")["text"].startswith("<b>CAM</b><br><span")


def test_nothing_offers_to_upload_the_picture():
    assert CONFIG["showSendToCloud"] is False
