from __future__ import annotations

import numpy as np
import pytest

from dashboard.figures.palette import DIVERGING, INKS, SEQUENTIAL, colormap, colour_scales, plotly_scale
from tests.dashboard.figures.contrast import contrast, rgb


def test_scales_suit_the_sign_and_leave_rainbows_out():
    assert colour_scales(relu=True) == SEQUENTIAL
    assert colour_scales(relu=False) == DIVERGING
    assert not {"Jet", "Rainbow", "HSV"} & {*SEQUENTIAL, *DIVERGING}


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_sequential_scales_grow_lighter_all_the_way(name):
    lightness = colormap(name)(np.linspace(0, 1, 64))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()


@pytest.mark.parametrize("name", DIVERGING)
def test_diverging_scales_are_palest_in_the_middle_and_warm_at_the_positive_end(name):
    colours = colormap(name)(np.linspace(0, 1, 65))[:, :3]
    assert abs(int(colours.mean(axis=1).argmax()) - 32) <= 1
    red, blue = colours[-12, 0], colours[-12, 2]
    assert (red > blue) or name == "BrBG"


def test_plotly_and_matplotlib_show_the_same_colours():
    position, colour = plotly_scale("RdBu")[-1]
    red, green, blue = (np.array(colormap("RdBu")(1.0)[:3]) * 255).round().astype(int)
    assert (position, colour) == (1.0, f"rgb({red},{green},{blue})")
    assert red > blue  # for the class is red


@pytest.mark.parametrize(("theme", "page"), [("light", "#ffffff"), ("dark", "#0e1117")])
def test_text_is_readable_on_its_page(theme, page):
    ink, page = INKS[theme], rgb(page)
    assert contrast(rgb(ink.text), page) > 7
    assert contrast(rgb(ink.muted), page) > 4.5
    assert contrast(rgb(ink.good), page) > 3
    assert contrast(rgb(ink.bad), page) > 3
