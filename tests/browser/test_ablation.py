"""The Ablation page in a browser: the changes, and the validation set in the background."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.pages import opened, settled


def test_the_validation_set_goes_on_while_another_page_is_read(app, new_page):
    page = new_page()
    opened(page, f"{app.url}/ablation?rlayer=0.model.bn2.drop")
    expect(page.get_by_text("is changed in place by the step after it")).to_be_visible()
    expect(page.locator("code").get_by_text("is a view and is being modified inplace")).to_be_visible(
        timeout=60_000
    )
    page.get_by_role("button", name="Run it").click()
    expect(page.get_by_test_id("stProgress")).to_be_visible(timeout=60_000)
    reader = new_page()
    opened(reader, f"{app.url}/overview")
    expect(reader.get_by_text("Accuracy").first).to_be_visible()
    expect(page.get_by_role("button", name="Every picture as CSV")).to_be_visible(timeout=400_000)
    settled(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Every picture as CSV").click()
    assert len(download.value.path().read_text().splitlines()) == 1 + 240 * 14
