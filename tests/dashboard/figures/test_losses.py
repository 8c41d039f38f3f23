from __future__ import annotations

import numpy as np
import pytest

from analysis.predictions import Histogram
from dashboard.figures.losses import RIGHT, WRONG, loss_histogram
from tests.dashboard.figures.reading import axes, marks, titles

LOSSES = Histogram(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0, 1, 1]), np.array([2, 0, 0]))
EMPTY = Histogram(np.linspace(0, 1, 31), np.zeros(30, dtype=int), np.zeros(30, dtype=int))


@pytest.mark.parametrize("losses", [EMPTY, Histogram(EMPTY.edges, EMPTY.wrong, np.eye(1, 30, dtype=int)[0])])
def test_tables_with_next_to_nothing_are_drawn(losses: Histogram):
    chart = loss_histogram(losses)
    assert titles(chart) == [WRONG, RIGHT]
    assert sum(bar.channels["y"] for bar in marks(chart, "bar")) == losses.right.sum()


def test_both_histograms_share_the_loss_axis():
    chart = loss_histogram(LOSSES)
    assert titles(chart) == [WRONG, RIGHT]
    assert [axis["domain"] for axis in axes(chart, "x")] == [[0, 3.0], [0, 3.0]]


def test_a_bar_covers_its_bin_and_is_as_high_as_its_count():
    spec = loss_histogram(LOSSES).to_dict()
    wrong, right = (spec["datasets"][part["data"]["name"]] for part in spec["vconcat"])
    assert [(row["low"], row["high"], row["count"]) for row in wrong] == [(1, 2, 1), (2, 3, 1)]
    assert [(row["low"], row["high"], row["count"]) for row in right] == [(0, 1, 2)]
    colours = [part["mark"]["color"] for part in spec["vconcat"]]
    assert colours[0] != colours[1]
