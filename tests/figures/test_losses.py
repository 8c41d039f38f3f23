from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figures.vega import channels, orders

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
    assert [part.title.text for part in chart.vconcat] == [WRONG, RIGHT]
    assert len(channels(chart, "x")) == 2


def test_both_histograms_share_the_loss_axis(predictions):
    assert orders(loss_histogram(predictions), "x") == [[0, 3.0], [0, 3.0]]
