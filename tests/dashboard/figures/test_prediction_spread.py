from __future__ import annotations

import numpy as np
import pytest

from dashboard.figures.prediction_spread import EVALUATION, TRAINING, spread_chart
from tests.dashboard.figures.reading import axes, marks, order


def test_the_spread_has_a_tick_a_prediction():
    ticks = marks(spread_chart(np.array([0.9, 0.9]), np.array([0.1, 0.5, 0.8]), "dog"), "tick")
    places = [(tick.row["mode"], tick.row["turn"], tick.row["probability"]) for tick in ticks]
    assert places[:2] == [(EVALUATION, 1, 0.9), (EVALUATION, 2, 0.9)]
    assert places[2:] == [(TRAINING, 1, 0.1), (TRAINING, 2, 0.5), (TRAINING, 3, 0.8)]
    assert [tick.channels["x"] for tick in ticks] == [0.9, 0.9, 0.1, 0.5, 0.8]
    assert ticks[2].tooltip == {"Mode": TRAINING, "Prediction": "1", "Probability": "10.00%"}


def test_a_diamond_marks_the_mean_of_each_mode_in_its_colour():
    chart = spread_chart(np.array([0.9, 0.7]), np.array([0.1, 0.2, 0.9]), "dog")
    means = {mark.channels["y"]: mark.channels["x"] for mark in marks(chart, "point")}
    assert means == {EVALUATION: pytest.approx(0.8), TRAINING: pytest.approx(0.4)}
    colours = {
        (mark.channels["y"], mark.channels["color"]) for mark in (*marks(chart, "tick"), *marks(chart, "point"))
    }
    assert len(colours) == len({colour for _, colour in colours}) == 2
    assert order(chart, "y") == [EVALUATION, TRAINING]


def test_the_axis_names_the_class_and_runs_over_all_probabilities():
    chart = spread_chart(np.array([0.9]), np.array([0.1]), "Abyssinian")
    assert axes(chart, "x")[0] == {"title": "Probability of Abyssinian", "domain": [0, 1]}
