from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figures.reading import axes, marks, titles

from dashboard.figures.losses import RIGHT, WRONG, loss_bins, loss_histogram


@pytest.fixture
def predictions() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "label": ["cat", "cat", "dog", "dog"],
            "predicted": ["cat", "dog", "dog", "cat"],
            "loss": [0.1, 3.0, 0.2, 1.6],
        }
    )


def test_bins_count_right_and_wrong_apart(predictions):
    table = loss_bins(predictions, bins=3)
    counts = {kind: group["count"].tolist() for kind, group in table.groupby("kind")}
    assert counts == {WRONG: [0, 1, 1], RIGHT: [2, 0, 0]}
    assert table["high"].max() == 3.0


def test_a_loss_without_end_is_left_out(predictions):
    predictions.loc[0, "loss"] = np.inf
    assert loss_bins(predictions)["count"].sum() == 3


@pytest.mark.parametrize("rows", [0, 1])
def test_tables_with_next_to_nothing_are_drawn(predictions, rows):
    chart = loss_histogram(predictions.head(rows))
    assert titles(chart) == [WRONG, RIGHT]
    assert sum(bar.channels["y"] for bar in marks(chart, "bar")) == rows


def test_both_histograms_share_the_loss_axis(predictions):
    chart = loss_histogram(predictions)
    assert titles(chart) == [WRONG, RIGHT]
    assert [axis["domain"] for axis in axes(chart, "x")] == [[0, 3.0], [0, 3.0]]


def test_a_bar_covers_its_bin_and_is_as_high_as_its_count(predictions):
    predictions.loc[4] = ["dog", "dog", 0.22]  # in the bin of 0.2
    bars = marks(loss_histogram(predictions), "bar")
    for bar in bars:
        losses = predictions["loss"][
            (predictions["label"] != predictions["predicted"]) == (bar.row["kind"] == WRONG)
        ]
        last = bar.channels["x2"] == 3.0
        inside = (losses >= bar.channels["x"]) & ((losses <= 3.0) if last else (losses < bar.channels["x2"]))
        assert bar.channels["y"] == inside.sum() > 0
    assert sorted(bar.channels["y"] for bar in bars) == [1, 1, 1, 2]
    colours = {bar.row["kind"]: bar.channels["color"] for bar in bars}
    assert colours[WRONG] != colours[RIGHT]
