"""The Methods page tells what the registry says, of every method."""

from __future__ import annotations

from analysis.explain import METHODS
from tests.dashboard.conftest import words


def test_every_method_has_its_formula_paragraph_and_paper(open_view):
    app = open_view("methods")
    told = words(app)
    formulas = [element.value.strip("$ \n") for element in app.get("latex")] or [
        element.value for element in app.markdown
    ]
    for method in METHODS.values():
        assert method.title in [heading.value for heading in app.subheader]
        assert method.about in told
        assert method.prefer in told
        assert f"[{method.paper}]({method.url})" in told
        assert any(method.formula in formula for formula in formulas), method.name


def test_a_group_is_part_of_the_link(open_view):
    app = open_view("methods", {"group": "From gradients"})
    shown = [heading.value for heading in app.subheader]
    assert "Grad-CAM" in shown
    assert "Eigen-CAM" not in shown
    assert "Score-CAM (at the layer)" not in shown
