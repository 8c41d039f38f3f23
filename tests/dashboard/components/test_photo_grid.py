from __future__ import annotations

import base64

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components.photo_grid import Photo, photo_grid
from tests.dashboard.components.mounted import answers, sent

PHOTOS = [
    Photo("a/1.png", "1.png", "cat → dog", "loss 3.2", b"\xff\xd8bytes"),
    Photo("b/2.png", "<b>2</b>.png", "dog → cat", "loss 1.0", None, "The file is gone."),
]


def test_the_browser_gets_every_card_in_order(monkeypatch):
    mounted = answers(monkeypatch, opened=None)
    photo_grid(PHOTOS, key="gallery")
    first, second = mounted[0]["data"]["photos"]
    assert base64.b64decode(first.pop("jpeg")) == b"\xff\xd8bytes"
    assert first == {"id": "a/1.png", "name": "1.png", "verdict": "cat → dog", "detail": "loss 3.2", "problem": ""}
    assert second["jpeg"] is None
    assert second["problem"] == "The file is gone."
    assert second["name"] == "<b>2</b>.png"


@pytest.mark.parametrize("opened", [None, "b/2.png"])
def test_the_card_that_was_clicked_is_returned(monkeypatch, opened):
    answers(monkeypatch, opened=opened)
    assert photo_grid(PHOTOS, key="gallery") == opened


def test_a_page_with_two_grids_runs():
    def page() -> None:
        import streamlit as st

        from dashboard.components.photo_grid import Photo, photo_grid

        for key in ("first", "second"):
            st.text(photo_grid([Photo(key, "1.png", "cat → dog", "loss 3.2", None)], key=key))

    app = AppTest.from_function(page).run()
    assert [[photo["id"] for photo in data["photos"]] for data in sent(app)] == [["first"], ["second"]]
    assert [text.value for text in app.text] == ["None", "None"]
