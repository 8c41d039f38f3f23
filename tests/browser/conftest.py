"""The real app in a real browser: one server on the demo for the session, pages driven by Playwright."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.server import Server, serving

CHROMIUM = shutil.which("chromium")
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark this folder's tests; skip them without a browser, unless the run insists on one."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None and not os.environ.get("CAMLENS_NEEDS_BROWSER"):
                item.add_marker(pytest.mark.skip(reason="no chromium on this machine (apt-get install chromium)"))


@pytest.fixture(scope="session")
def chromium():
    """One browser for the session."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)  # other jobs may keep the cores busy
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium):
    """Open pages in sessions of their own; each fails its test when the page throws."""
    contexts, thrown = [], []

    def opened(**options):
        context = chromium.new_context(**{"viewport": {"width": 1400, "height": 1000}, **options})
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: thrown.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not thrown


@pytest.fixture(scope="session")
def first_start(chromium, tmp_path_factory) -> Iterator[tuple[Server, dict]]:
    """The very first start on the demo: an empty home, a browser that waits for the gallery.

    Yields the server, which later tests use with the learner that was fine-tuned here, and what was seen on
    the way: the seconds to the gallery and the progress texts.
    """
    folder = tmp_path_factory.mktemp("first-start")
    with serving(folder / "home", folder / "server.log") as server:
        context = chromium.new_context(viewport={"width": 1400, "height": 1000})
        page = context.new_page()
        start = time.monotonic()
        page.goto(server.url)
        progress = page.get_by_test_id("stProgress").first
        progress.wait_for(timeout=30_000)
        texts: list[str] = []
        card = page.locator("button.card").first
        while card.count() == 0 and time.monotonic() - start < 400:
            for text in page.get_by_test_id("stProgress").all_inner_texts():
                if text not in texts[-1:]:
                    texts.append(text)
            page.wait_for_timeout(200)
        card.wait_for(timeout=10_000)
        seen = {"seconds": time.monotonic() - start, "texts": texts}
        context.close()
        yield server, seen


@pytest.fixture
def app(first_start) -> Server:
    """The server with a fine-tuned demo learner."""
    return first_start[0]
