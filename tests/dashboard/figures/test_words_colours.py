from __future__ import annotations

import pytest

from dashboard.figures.palette import INKS
from dashboard.figures.words_colours import word_colours
from tests.dashboard.figures.contrast import contrast, rgb

PAGES = {"light": ("#ffffff", "#1c2430"), "dark": ("#0f1318", "#e8ecf1")}  # background and text, of the theme


@pytest.mark.parametrize("theme", list(INKS))
def test_text_on_the_strongest_colour_keeps_wcags_contrast(theme):
    background, text = (rgb(colour) for colour in PAGES[theme])
    colours = word_colours(theme)
    for colour in (colours.speaks_for, colours.against):
        under = colours.strength * rgb(colour) + (1 - colours.strength) * background
        assert contrast(under, text) >= 4.5


@pytest.mark.parametrize("theme", list(INKS))
def test_words_for_the_class_are_warm_and_words_against_it_are_blue(theme):
    colours = word_colours(theme)
    red, _, blue = rgb(colours.speaks_for)
    assert red > blue
    red, _, blue = rgb(colours.against)
    assert blue > red
