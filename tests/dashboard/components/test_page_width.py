from __future__ import annotations

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import state
from dashboard.components.page_width import DEFAULT_WIDTH, STEP, page_width
from tests.dashboard.components.mounted import answers, sent


@pytest.fixture
def session(monkeypatch) -> dict:
    """An empty browser session."""
    values: dict = {}
    monkeypatch.setattr(st, "session_state", values)
    return values


@pytest.mark.parametrize(("before", "width"), [(None, DEFAULT_WIDTH), (640, 640)])
def test_until_the_browser_answers_the_last_width_counts(session, monkeypatch, before, width):
    session.update({} if before is None else {state.WIDTH: before})
    mounted = answers(monkeypatch, pixels=None)
    assert page_width() == width
    assert mounted[0]["data"] == {"current": before, "step": STEP}
    assert session.get(state.WIDTH) == before


def test_the_width_of_the_browser_is_kept_for_the_next_run(session, monkeypatch):
    session[state.WIDTH] = 640
    mounted = answers(monkeypatch)
    page_width()
    session[mounted[0]["key"]] = {"pixels": 1200}
    mounted[0]["on_pixels_change"]()  # as Streamlit does before the next run
    assert page_width() == 1200
    assert mounted[1]["data"] == {"current": 1200, "step": STEP}
    assert page_width() == 1200


def test_a_page_with_the_ruler_runs():
    def page() -> None:
        import streamlit as st

        from dashboard.components.page_width import page_width

        st.text(page_width())

    app = AppTest.from_function(page).run()
    assert sent(app) == [{"current": None, "step": STEP}]
    assert app.text[0].value == str(DEFAULT_WIDTH)
