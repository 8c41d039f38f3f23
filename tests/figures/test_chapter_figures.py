"""The figures of the Chapter page show the numbers they are given."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.learner.activations import ActivationHistory
from dashboard.figures.activation_history import histogram_figure, history_chart
from dashboard.figures.options import LayerViewOptions
from dashboard.figures.prediction_spread import EVALUATION, TRAINING, spread_chart
from dashboard.figures.score_grid import score_grid_figure
from dashboard.figures.tiles import overlay

GREY = np.full((20, 30, 3), 128, np.uint8)


def rows_of(chart) -> list[list[dict]]:
    return list(chart.to_dict()["datasets"].values())


def test_an_overlay_is_warm_where_the_map_speaks_for_the_class():
    tile = overlay(GREY, np.array([[1.0, -1.0]]), smooth=False).astype(int)
    assert tile.shape == GREY.shape
    assert (tile[:, :15, 0] > tile[:, :15, 2]).all()
    assert (tile[:, 15:, 0] < tile[:, 15:, 2]).all()
    np.testing.assert_array_equal(overlay(GREY, np.array([[3.0, -3.0]]), smooth=False), tile)  # scale of its own
    assert np.ptp(overlay(GREY, np.zeros((2, 2))).reshape(-1, 3), axis=0).max() == 0
    without_negatives = overlay(GREY, np.array([[1.0, 0.0]]), smooth=False).astype(int)
    assert without_negatives[0, 29].sum() < without_negatives[0, 0].sum()  # magma: dark is zero


def test_the_score_grid_writes_every_number_where_it_belongs():
    maps = [np.array([[1.0, -20.0], [0.0, 3.14]]), np.zeros((2, 2))]
    figure = score_grid_figure(GREY, ["dog", "cat"], maps, LayerViewOptions(smooth=False))
    grid, numbers, *_ = figure.data
    np.testing.assert_allclose(grid.z, maps[0])
    assert (grid.zmin, grid.zmax) == (figure.data[2].zmin, figure.data[2].zmax) == (-20, 20)
    assert list(numbers.text) == ["1.0", "-20.0", "0.0", "3.1"]
    assert list(numbers.x) == [7.5, 22.5, 7.5, 22.5]
    assert list(numbers.y) == [5, 5, 15, 15]
    assert numbers.textfont.color[1] == "white"  # the darkest blue
    assert len(score_grid_figure(GREY, ["dog"], [np.zeros((28, 28))], LayerViewOptions()).data) == 1


def test_the_spread_has_a_tick_a_prediction():
    (rows,) = rows_of(spread_chart(np.array([0.9, 0.9]), np.array([0.1, 0.5, 0.8]), "dog"))
    found = [(row["mode"], row["turn"], row["probability"]) for row in rows]
    assert found[:2] == [(EVALUATION, 1, 0.9), (EVALUATION, 2, 0.9)]
    assert found[2:] == [(TRAINING, 1, 0.1), (TRAINING, 2, 0.5), (TRAINING, 3, 0.8)]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_history_draws_a_line_a_layer_and_marks_the_phases(theme):
    counts = np.zeros((4, 5, 40), np.float32)
    counts[1, 2, 16] = 99
    values = np.arange(20, dtype=np.float32).reshape(4, 5)
    layers = ("a", "b", "c", "d")
    history = ActivationHistory(layers, (("frozen", 2), ("full", 3)), (1, 1), values, values, values, counts)
    lines, rules = sorted(rows_of(history_chart(history, layers, theme)), key=len, reverse=True)
    assert [row["mean"] for row in lines if row["layer"] == "b"] == [5, 6, 7, 8, 9]
    assert [row["record"] for row in rules] == [2.5]
    figure = histogram_figure(history, layers, theme)
    assert len(figure.data) == 4
    assert np.asarray(figure.data[1].z)[16, 2] == pytest.approx(
        np.log(100)
    )  # upwards the values, then the batches
    assert figure.data[1].y0 + 16 * figure.data[1].dy == pytest.approx(4.125)
