"""Any methods side by side: the link remembers them, one slider moves them all, slow ones can be stopped."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import figure, heatmaps, opened, settled

SLOW = "Score-CAM (on the picture)"


def titles(page: Page) -> list[str]:
    """The panel titles of the Layers figure."""
    chart = figure(page, "layers_figure")
    texts = page.eval_on_selector(chart, "chart => chart._fullLayout.annotations.map(note => note.text)")
    return [text.removeprefix("<b>").removesuffix("</b>") for text in texts if text and text.startswith("<b>")]


def add_method(page: Page, title: str) -> None:
    """Choose one more method in the control."""
    box = page.get_by_role("combobox", name=re.compile("Methods"))
    box.fill(title)
    page.get_by_role("option", name=title, exact=True).click()
    page.keyboard.press("Escape")
    settled(page)


def stop_button(page: Page) -> Locator:
    """The page's own Stop; Streamlit has one too, in its header, while a script runs."""
    return page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop", exact=True)


def wait_for_titles(page: Page, wanted: list[str]) -> None:
    """Wait until the figure shows them and nothing draws it anew."""
    for _ in range(2):
        page.wait_for_function(
            """wanted => {
                const chart = document.querySelector(".st-key-layers_figure .js-plotly-plot")
                const texts = (chart?._fullLayout?.annotations || []).map(note => note.text)
                return wanted.every(title => texts.includes(`<b>${title}</b>`))
            }""",
            arg=wanted,
            timeout=120_000,  # the first maps of a learner also measure it
        )
        settled(page)


def test_chosen_methods_are_in_the_link_and_a_fresh_tab_shows_them(app, new_page):
    page = new_page()
    opened(page, f"{app.url}/layers")
    add_method(page, "LayerCAM")
    wait_for_titles(page, ["CAM (exact)", "Grad-CAM", "LayerCAM"])
    expect(page).to_have_url(re.compile("methods=LayerCAM"))
    fresh = new_page()
    opened(fresh, page.url)
    wait_for_titles(fresh, ["LayerCAM"])
    assert titles(fresh) == titles(page) == ["CAM (exact)", "Grad-CAM", "LayerCAM"]


def test_one_slider_moves_all_panels(app, new_page):
    page = new_page()
    opened(page, f"{app.url}/layers?methods=Grad-CAM&methods=HiResCAM&methods=Eigen-CAM")
    wait_for_titles(page, ["Grad-CAM", "HiResCAM", "Eigen-CAM"])
    chart = figure(page, "layers_figure")
    page.wait_for_timeout(1000)  # the page's width is told once, and the figure drawn for it
    settled(page)
    before = [trace["z"].shape for trace in heatmaps(page, chart) if trace["visible"]]
    rail = page.locator(f"{chart} .slider-rail-touch-rect").first.bounding_box()
    assert rail is not None
    page.mouse.click(rail["x"] + rail["width"] * 0.3, rail["y"] + rail["height"] / 2)
    page.wait_for_function(
        """([chart, rows]) => document.querySelector(chart)._fullData
            .filter(trace => trace.type === "heatmap" && trace.visible === true)
            .every(trace => trace.z.length !== rows)""",
        arg=[chart, before[0][0]],
    )
    after = [trace["z"].shape for trace in heatmaps(page, chart) if trace["visible"]]
    assert len(before) == len(after) == 3
    assert len(set(before)) == len(set(after)) == 1


def test_one_method_over_all_layers(app, new_page):
    page = new_page()
    opened(page, f"{app.url}/layers")
    page.get_by_role("radio", name="One method over all layers").or_(
        page.get_by_role("button", name="One method over all layers")
    ).first.click()
    wait_for_titles(page, ["Mean of the layers", "Maximum of the layers"])
    maps = heatmaps(page, figure(page, "layers_figure"))
    assert all(trace["visible"] for trace in maps)
    assert len({trace["z"].shape for trace in maps}) > 3
    expect(page).to_have_url(re.compile("view=One"))


def test_costs_and_precision_are_told(app, new_page):
    page = new_page()
    opened(page, f"{app.url}/layers?precision=float32")
    expect(page.get_by_text("What it cost")).to_be_visible()
    expect(page.get_by_text(re.compile("Computed on cpu in float32|Computed on cuda"))).to_be_visible()
    expect(page.get_by_text(re.compile("Auto takes"))).to_be_visible()


def test_a_slow_method_can_be_stopped_and_goes_on(app, new_page):
    page = new_page()
    opened(page, f"{app.url}/layers?methods=CAM&methods={SLOW.replace(' ', '+')}")
    wait_for_titles(page, ["CAM (exact)", SLOW])
    stop = stop_button(page)
    expect(page.get_by_test_id("stProgress")).to_be_visible()
    maps = [trace for trace in heatmaps(page, figure(page, "layers_figure")) if trace["visible"]]
    assert len(maps) >= 1  # CAM's, without waiting for the other
    stop.click()
    expect(page.get_by_text("was stopped")).to_be_visible()
    expect(page.get_by_test_id("stProgress")).to_have_count(0)
    page.get_by_text("ReLU", exact=True).click()  # the page goes on as ever, and does not start it again
    settled(page)
    expect(page.get_by_text("was stopped")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_test_id("stProgress")).to_be_visible()
    stop.click()
    expect(page.get_by_text("was stopped")).to_be_visible()


def test_another_session_is_not_held_up_by_a_slow_method(app, new_page):
    slow, quick = new_page(), new_page()
    opened(slow, f"{app.url}/layers?methods={SLOW.replace(' ', '+')}")
    expect(slow.get_by_test_id("stProgress")).to_be_visible()
    opened(quick, f"{app.url}/layers?methods=XGrad-CAM&explain=True+class")
    wait_for_titles(quick, ["XGrad-CAM"])
    expect(slow.get_by_test_id("stProgress")).to_be_visible()
    stop_button(slow).click()


@pytest.mark.parametrize("width", [1400, 420])
def test_formulas_are_set_and_nothing_is_left_raw(app, new_page, width):
    page = new_page(viewport={"width": width, "height": 900})
    opened(page, f"{app.url}/methods")
    from analysis.explain import METHODS

    formulas = page.locator('[class*="st-key-formula_"]')
    expect(formulas).to_have_count(len(METHODS))
    expect(formulas.locator(".katex-display")).to_have_count(len(METHODS))
    assert page.locator(".katex-error").count() == 0
    html = page.locator(".katex-html").all_inner_texts()
    assert not [text for text in html if "\\" in text]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_method_is_shown_on_the_last_picture(app, new_page):
    page = new_page()
    opened(page, f"{app.url}/methods")
    page.locator('[class*="st-key-show_hirescam"]').get_by_role("link").click()
    wait_for_titles(page, ["CAM (exact)", "HiResCAM"])
    assert titles(page) == ["CAM (exact)", "HiResCAM"]
    values = [trace["z"] for trace in heatmaps(page, figure(page, "layers_figure")) if trace["visible"]]
    assert np.corrcoef(values[0].ravel(), values[1].ravel())[0, 1] > 0.99  # behind a linear head, the same map
