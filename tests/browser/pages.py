"""What the browser tests ask of a page."""

from __future__ import annotations

from typing import Any

import numpy as np
from playwright.sync_api import Page, expect

READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def settled(page: Page) -> None:
    """Wait until Streamlit has run the page's script to its end; fail on a traceback."""
    page.locator(READY).wait_for(timeout=180_000)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def opened(page: Page, url: str) -> None:
    """Go to an address and wait for the page to stand."""
    page.goto(url)
    page.get_by_test_id("stHeading").first.wait_for(timeout=90_000)
    settled(page)


def figure(page: Page, key: str) -> str:
    """Return the CSS selector of a Plotly chart, by its Streamlit key, once it has the page's real width."""
    ruler = page.locator(".ruler")  # where a page measures its width, it draws its figure a second time
    page.locator(f".st-key-{key} .js-plotly-plot .main-svg").first.wait_for(timeout=90_000)
    if ruler.count():
        expect(ruler).to_have_attribute("data-known", "true")
        settled(page)
    selector = f".st-key-{key} .js-plotly-plot"
    page.locator(f"{selector} .main-svg").first.wait_for(timeout=90_000)
    return selector


def heatmaps(page: Page, selector: str) -> list[dict[str, Any]]:
    """Every heat map of a Plotly chart: whether it is visible, and then its values as an array."""
    traces = page.eval_on_selector(
        selector,
        """chart => chart._fullData.filter(trace => trace.type === "heatmap").map(trace => ({
            visible: trace.visible === true,
            z: trace.visible === true ? Array.from(trace.z, row => Array.from(row)) : null }))""",
    )
    for trace in traces:
        if trace["visible"]:
            trace["z"] = np.array(trace["z"], dtype=float)
    return traces


def axis_range(page: Page, selector: str) -> list[float]:
    """The x range a Plotly chart shows."""
    return page.eval_on_selector(selector, "chart => Array.from(chart._fullLayout.xaxis.range)")
