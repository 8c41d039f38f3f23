from __future__ import annotations

import pandas as pd
import pytest

from dashboard.figures.words_curves import KINDS, ORDERS, curves_chart
from tests.dashboard.figures.reading import axes, marks

PROBABILITIES = {
    ("contribution", "deletion"): (0.9, 0.2),
    ("random", "deletion"): (0.9, 0.5),
    ("contribution", "insertion"): (0.4, 0.8),
    ("random", "insertion"): (0.4, 0.7),
}


@pytest.fixture
def curves() -> pd.DataFrame:
    """Two kinds in two orders, at no word and at every word."""
    rows = [
        (order, kind, share, probability)
        for (order, kind), values in PROBABILITIES.items()
        for share, probability in zip((0.0, 1.0), values, strict=True)
    ]
    return pd.DataFrame(rows, columns=["order", "kind", "fraction", "probability"])


@pytest.mark.parametrize("kind", ["deletion", "insertion"])
def test_curves_show_one_kind(curves, kind):
    chart = curves_chart(curves, kind)
    for mark in ("line", "circle"):
        points = marks(chart, mark)
        assert len(points) == 4
        assert {point.row["kind"] for point in points} == {kind}
        for order, name in ORDERS.items():
            curve = [(each.channels["x"], each.channels["y"]) for each in points if each.row["order"] == name]
            first, last = PROBABILITIES[order, kind]
            assert curve == [(0.0, first), (1.0, last)]
    assert {each["title"] for each in axes(chart, "x")} == {KINDS[kind]}


def test_the_orders_differ_by_colour_and_by_dash(curves):
    lines = marks(curves_chart(curves, "deletion"), "line")
    for channel in ("color", "strokeDash"):
        assert len({line.channels[channel] for line in lines}) == 2
