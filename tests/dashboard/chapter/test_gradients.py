"""Questions 10 to 13 on the Chapter page."""

from __future__ import annotations

from tests.dashboard.conftest import sources

PART = "10–13 · Gradients"


def test_the_real_errors_are_on_the_page(open_view, tiny_run):
    app = open_view("chapter", state={"part": PART})
    shown = sources(app)
    assert "RuntimeError: grad can be implicitly created only for scalar outputs" in shown
    assert "RuntimeError: einsum(): subscript k has size 256" in shown
    assert "to have 3 channels, but got 1 channels instead" in shown
    app.selectbox(key="inner").select("0.5").run()
    assert not app.exception
    assert "subscript k has size 128" in sources(app)
