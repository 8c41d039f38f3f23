"""Filter the gallery, click a photo; click a cell of the confusion matrix, take its filter away again."""

from __future__ import annotations

import re

import pandas as pd
from playwright.sync_api import expect

from tests.browser.pages import opened, settled


def table(app) -> pd.DataFrame:
    return pd.read_parquet(next((app.home / "runs").glob("*/predictions.parquet")))


def choose(page, label: str, option: str) -> None:
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()
    page.keyboard.press("Escape")
    settled(page)


def test_filter_and_click_through(app, new_page):
    rows = table(app)
    wrong = rows[rows.label != rows.predicted]
    cats = wrong[wrong.label == "cat"].sort_values("loss", ascending=False)
    page = new_page()
    opened(page, app.url)
    expect(page.get_by_text(f"{len(wrong)} of {len(wrong)} mistakes")).to_be_visible()
    choose(page, "True class", "cat")
    expect(page.get_by_text(f"{len(cats)} of {len(wrong)} mistakes")).to_be_visible()
    expect(page).to_have_url(re.compile("true=cat"))
    first = page.locator("button.card").first
    expect(first).to_have_attribute("data-photo", cats.path.iloc[0])
    first.click()
    expect(page).to_have_url(re.compile(f"/layers.*image={cats.path.iloc[0]}"), timeout=30_000)
    expect(page.get_by_text("What the network sees, decoded")).to_be_visible(timeout=90_000)

    # The arrow keys walk through the list as it was filtered.
    settled(page)
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(f"image={cats.path.iloc[1]}"))
    settled(page)
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile(f"image={cats.path.iloc[0]}"))


def test_matrix_click_narrows_the_gallery(app, new_page):
    rows = table(app)
    wrong = int((rows.label != rows.predicted).sum())
    wanted = rows[(rows.label == "cat") & (rows.predicted == "dog")]
    page = new_page()
    opened(page, f"{app.url}/overview")
    cell = page.locator('.st-key-confusion_matrix [aria-label*="Predicted class: dog; True class: cat"]').first
    cell.click(force=True)  # the count stands above the cell and would pass the click on
    expect(page.get_by_text(f"{len(wanted)} of {wrong} mistakes")).to_be_visible(timeout=30_000)
    expect(page).to_have_url(re.compile("true=cat"))
    expect(page).to_have_url(re.compile("predicted=dog"))
    page.get_by_role("button", name="Remove the filters").click()
    expect(page.get_by_text(f"{wrong} of {wrong} mistakes")).to_be_visible()
    expect(page).not_to_have_url(re.compile("true="))


def test_an_impossible_filter_is_an_empty_state(app, new_page):
    page = new_page()
    opened(page, f"{app.url}/?name=no-such-file")
    expect(page.get_by_text("No picture fits these filters")).to_be_visible()


def test_the_whole_table_can_be_exported(app, new_page, tmp_path):
    rows = table(app)
    page = new_page()
    opened(page, f"{app.url}/?correct=true")
    expect(page.get_by_text(f"{len(rows)} of {len(rows)} pictures")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Table as CSV").click()
    exported = pd.read_csv(download.value.path())
    assert sorted(exported["path"]) == sorted(rows["path"])
    assert abs(exported["loss"].sum() - rows["loss"].sum()) < 1e-3
