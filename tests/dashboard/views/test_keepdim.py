"""The Keepdim page says what becomes of the map."""

from __future__ import annotations

from tests.dashboard.conftest import words


def test_keepdim_says_what_happens(open_view):
    app = open_view("keepdim", {"network": "The chapter's resnet34, untrained"})
    assert "nothing is raised, and the map is" in words(app)
    app.select_slider(key="size").set_value(224).run()
    assert not app.exception
    assert "PyTorch raises an error" in words(app)
