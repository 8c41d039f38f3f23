from __future__ import annotations

import numpy as np
import pytest

from analysis.learner.images.activations import ActivationHistory
from dashboard.figures.activation_history import MEASURES, histogram_figure, history_chart
from tests.dashboard.figures.reading import marks, titles

LAYERS = ("a", "b", "c", "d")


@pytest.fixture
def history() -> ActivationHistory:
    """Four layers, two batches of one phase and three of another; the measures have different values."""
    counts = np.zeros((4, 5, 40), np.float32)
    counts[1, 2, 16] = 99
    values = np.arange(20, dtype=np.float32).reshape(4, 5)
    return ActivationHistory(
        LAYERS, (("frozen", 2), ("full", 3)), (1, 1), values, values + 100, values / 100, counts
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_history_draws_a_line_a_layer_and_marks_the_phases(history, theme):
    chart = history_chart(history, LAYERS, theme)
    lines = marks(chart, "line")
    assert [line.row["mean"] for line in lines if line.row["layer"] == "b"][:5] == [5, 6, 7, 8, 9]
    assert {rule.channels["x"] for rule in marks(chart, "rule")} == {2.5}
    figure = histogram_figure(history, LAYERS, theme)
    assert len(figure.data) == 4
    # upwards the values, then the batches
    assert np.asarray(figure.data[1].z)[16, 2] == pytest.approx(np.log(100))
    assert figure.data[1].y0 + 16 * figure.data[1].dy == pytest.approx(4.125)


def test_each_plot_shows_its_own_measure(history):
    lines = [line for line in marks(history_chart(history, LAYERS), "line") if line.row["layer"] == "b"]
    heights = [line.channels["y"] for line in lines]
    assert heights == pytest.approx([5, 6, 7, 8, 9, 105, 106, 107, 108, 109, 0.05, 0.06, 0.07, 0.08, 0.09])
    assert [line.channels["x"] for line in lines[:5]] == [1, 2, 3, 4, 5]
    assert titles(history_chart(history, LAYERS)) == list(MEASURES.values())


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_layers_grow_lighter_from_first_to_last(history, theme):
    colours = dict.fromkeys(
        line.channels["color"] for line in marks(history_chart(history, LAYERS, theme), "line")
    )
    lightness = [
        sum(weight * int(colour[at : at + 2], 16) for at, weight in ((1, 0.21), (3, 0.72), (5, 0.07)))
        for colour in colours
    ]
    assert len(lightness) == 4
    assert lightness == sorted(lightness)


def test_each_histogram_lies_under_its_layers_name_and_tells_the_count(history):
    figure = histogram_figure(history, LAYERS)
    assert [note.text for note in figure.layout.annotations] == list(LAYERS)
    for number, trace in enumerate(figure.data):
        x, y = (
            figure.layout[name.replace("x", "xaxis").replace("y", "yaxis")] for name in (trace.xaxis, trace.yaxis)
        )
        note = figure.layout.annotations[number]
        assert x.domain[0] < note.x < x.domain[1]
        assert note.y == pytest.approx(y.domain[1])
    assert np.asarray(figure.data[1].customdata)[16, 2] == 99
    assert "%{customdata" in figure.data[1].hovertemplate
