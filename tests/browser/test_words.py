"""The pages of words in a browser: markup is text, colours follow the slider, a click strikes a word out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.pages import opened, settled
from tests.browser.server import Server, serving

MARKUP = 'A wonderful  film <script>window.hacked = 1</script><img src=x onerror="window.hacked=2"> **dull** $x^2$'


@pytest.fixture(scope="module")
def words_app(tiny_words_run, tmp_path_factory) -> Iterator[Server]:
    """A server on the home of the tiny run of words."""
    log = tmp_path_factory.mktemp("words") / "server.log"
    with serving(tiny_words_run.path.parent.parent, log) as server:
        yield server


def colours(page) -> list[str]:
    return page.locator(".panel").first.locator(".w").evaluate_all("all => all.map(w => w.style.backgroundColor)")


def test_from_the_gallery_to_a_struck_word(words_app, new_page, tiny_words_run):
    page = new_page()
    opened(page, f"{words_app.url}/reviews?run={tiny_words_run.name}&correct=true")
    page.locator("button.card").first.click()
    expect(page).to_have_url(re.compile("/review\\?.*review="), timeout=60_000)
    expect(page.get_by_text("is exact: its mean over the words")).to_be_visible(timeout=90_000)
    settled(page)
    before = colours(page)
    page.locator("input.slider").fill("0")
    assert colours(page) != before
    word = page.locator(".panel").first.locator(".w").first
    word.hover()
    expect(page.locator(".readout")).to_contain_text("Grad-CAM")
    word.click()
    expect(page.get_by_text("Prediction after")).to_be_visible()
    expect(word).to_have_class(re.compile("struck"))
    settled(page)
    assert page.locator("input.slider").input_value() == "0"
    word.click()
    expect(page.get_by_text("Prediction after")).to_have_count(0)


def test_markup_is_shown_to_the_character_and_never_run(words_app, new_page, tiny_words_run):
    page = new_page()
    opened(page, f"{words_app.url}/review?run={tiny_words_run.name}&review={tiny_words_run.predictions().path[0]}")
    page.get_by_text("A review of your own").click()
    page.get_by_label("Your review", exact=True).fill(MARKUP)
    page.get_by_role("button", name="Explain it").click()
    expect(page.get_by_text("Your review · predicted")).to_be_visible(timeout=60_000)
    settled(page)
    assert page.locator(".panel .text").first.evaluate("text => text.textContent") == MARKUP
    assert page.evaluate("window.hacked") is None
    assert page.locator(".panel img").count() == 0


def test_the_words_of_the_set(words_app, new_page, tiny_words_run):
    page = new_page()
    opened(page, f"{words_app.url}/words?run={tiny_words_run.name}")
    page.get_by_role("button", name="Explain every word").click()
    expect(page.get_by_role("tab", name="Ranking")).to_be_visible(timeout=120_000)
    settled(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Words as CSV").click()
    assert download.value.path().read_text().startswith("word,mean,low,high")
    page.get_by_role("tab", name="Truth").click()
    expect(page.get_by_text("Better than random by").first).to_be_visible()
