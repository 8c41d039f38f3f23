"""Keepdim at 256 pixels: the chapter's network meets 64 x 64 x 64, where nothing is raised and all is wrong."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.pages import figure, heatmaps, opened, settled


def test_silent_at_256_pixels(app, new_page):
    page = new_page()
    opened(page, f"{app.url}/keepdim?network=The+chapter%27s+resnet34%2C+untrained&size=256")
    expect(page.get_by_text("nothing is raised, and the map is wrong")).to_be_visible()
    expect(page.get_by_text("layer1 is 64 × 64 × 64 here")).to_be_visible()
    maps = heatmaps(page, figure(page, "keepdim_figure"))
    assert [trace["z"].shape for trace in maps] == [(64, 64)] * 3
    without, with_it, difference = (trace["z"] for trace in maps)
    assert abs(without - with_it - difference).max() < 0.02 * abs(with_it).max() + 0.02 * abs(without).max()
    assert abs(without - with_it).max() > 0.1 * abs(with_it).max()


def test_raises_elsewhere_with_pytorchs_own_words(app, new_page):
    page = new_page()
    opened(page, f"{app.url}/keepdim?network=The+chapter%27s+resnet34%2C+untrained&size=224")
    expect(page.get_by_text("PyTorch raises an error")).to_be_visible()
    expect(page.get_by_text("must match the size of tensor").first).to_be_visible()


def test_the_learners_own_layers(app, new_page):
    page = new_page()
    opened(page, f"{app.url}/keepdim?size=64")
    expect(page.get_by_text("nothing is raised, and the map is wrong")).to_be_visible()
    page.get_by_text("Batched", exact=True).click()
    expect(page).to_have_url(re.compile("batched=true"))
    settled(page)
