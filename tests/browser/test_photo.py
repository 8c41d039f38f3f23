"""A photo of one's own: predicted and explained; a file that is none is refused in words."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from playwright.sync_api import expect

from tests.browser.pages import figure, heatmaps, opened, settled


def picture(mode: str, format: str) -> bytes:
    values = np.random.default_rng(0).integers(0, 255, (90, 120, 4), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(values, "RGBA").convert(mode).save(file, format)
    return file.getvalue()


def upload(page, name: str, data: bytes) -> None:
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "image/png", "buffer": data})


def test_upload_is_predicted_and_explained(app, new_page):
    page = new_page()
    opened(page, f"{app.url}/photo")
    upload(page, "mine.png", picture("RGBA", "PNG"))
    expect(page.get_by_text("sure").first).to_be_visible(timeout=90_000)
    settled(page)
    page.get_by_role("button", name="See why, layer by layer").click()
    expect(page.get_by_text("What the network sees, decoded")).to_be_visible(timeout=90_000)
    assert len(heatmaps(page, figure(page, "layers_figure"))) >= 10
    assert "image=upload" in page.url


def test_bad_uploads_get_a_message(app, new_page):
    page = new_page()
    opened(page, f"{app.url}/photo")
    upload(page, "notes.png", b"this is no picture at all")
    expect(page.get_by_text("This file can't be shown")).to_be_visible()
    settled(page)


def test_cmyk_and_greyscale_are_pictures_too(app, new_page):
    page = new_page()
    opened(page, f"{app.url}/photo")
    for name, data in (("print.jpg", picture("CMYK", "JPEG")), ("grey.gif", picture("L", "GIF"))):
        upload(page, name, data)
        expect(page.get_by_text(name).first).to_be_visible()
        expect(page.get_by_test_id("stMetric")).to_be_visible(timeout=90_000)
        settled(page)


def test_a_link_to_a_forgotten_upload_says_so(app, new_page):
    page = new_page()
    page.goto(f"{app.url}/layers?image=upload:{'0' * 64}")
    expect(page.get_by_text("Upload it again")).to_be_visible(timeout=90_000)
    settled(page)
