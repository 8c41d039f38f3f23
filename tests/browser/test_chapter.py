"""The Chapter page in a browser: every part shows the results of its experiments."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.pages import figure, heatmaps, opened, settled

LONG = 120_000  # 250 passes through the network, on a machine that may be busy


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_part_answers(app, new_page, scheme):
    page = new_page(color_scheme=scheme)
    opened(page, f"{app.url}/chapter")
    expect(page.get_by_text("1 · What is a hook?")).to_be_visible()
    figure(page, "histograms")
    expect(page.get_by_text("Recorded:")).to_be_visible(timeout=LONG)
    page.get_by_role("tab", name="Activations to map").click()
    expect(page.get_by_text("The mean score plus the bias is the logit")).to_be_visible(timeout=LONG)
    settled(page)
    dog, cat = heatmaps(page, figure(page, "score_grid"))
    assert dog["z"].shape == cat["z"].shape == (7, 7)
    page.get_by_role("tab", name="Gradients").click()
    refused = page.get_by_text("grad can be implicitly created only for scalar outputs")
    expect(refused).to_be_visible(timeout=LONG)
    expect(page.get_by_text("The learner is as it was.")).to_be_visible(timeout=LONG)
    settled(page)


def test_a_link_opens_its_part_and_layer(app, new_page):
    page = new_page()
    opened(page, f"{app.url}/chapter?part=10–13 · Gradients&inner=0.model.blocks.2")
    expect(page.get_by_text("subscript k has size 40")).to_be_visible(timeout=LONG)
    expect(page.get_by_text("Grad-CAM at 0.model.blocks.2").first).to_be_visible(timeout=LONG)
