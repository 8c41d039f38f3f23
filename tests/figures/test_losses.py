from __future__ import annotations

import numpy as np
import pytest

from analysis.predictions import Histogram
from dashboard.figures.losses import WRONG, loss_histogram

LOSSES = Histogram(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0, 1, 1]), np.array([2, 0, 0]))
EMPTY = Histogram(np.linspace(0, 1, 31), np.zeros(30, dtype=int), np.zeros(30, dtype=int))


@pytest.mark.parametrize("losses", [EMPTY, Histogram(EMPTY.edges, EMPTY.wrong, np.eye(1, 30, dtype=int)[0])])
def test_tables_with_next_to_nothing_are_drawn(losses: Histogram):
    spec = loss_histogram(losses).to_dict()
    assert len(spec["vconcat"]) == 2


def test_bins_that_hold_nothing_are_not_sent():
    spec = loss_histogram(LOSSES).to_dict()
    counts = [[row["count"] for row in rows] for rows in spec["datasets"].values()]
    assert sorted(counts) == [[1, 1], [2]]


def test_both_histograms_share_the_loss_axis():
    wrong, right = loss_histogram(LOSSES).to_dict()["vconcat"]
    assert wrong["title"]["text"] == WRONG
    assert wrong["mark"]["color"] != right["mark"]["color"]
    domains = [chart["encoding"]["x"]["scale"]["domain"] for chart in (wrong, right)]
    assert domains == [[0, 3.0], [0, 3.0]]
