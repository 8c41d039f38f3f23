"""The registry names every method once, by the name it is called by."""

from __future__ import annotations

from analysis.explain.methods import METHODS


def test_methods_are_registered_under_their_own_names() -> None:
    assert {"cam", "gradcam", "bookcam"} <= set(METHODS)
    assert all(name == method.name for name, method in METHODS.items())
    assert [name for name, method in METHODS.items() if not method.needs_gradient] == ["cam", "bookcam"]
