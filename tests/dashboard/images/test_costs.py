"""The table of costs, and the sentence about how the network was run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from analysis.explain.engine.clock import Cost
from analysis.explain.engine.preparation import Setup
from dashboard.images.costs import costs_table, setup_sentence


def report(costs: list[Cost], methods: tuple[str, ...], values: object = "a map") -> SimpleNamespace:
    maps = {name: SimpleNamespace(values=values) for name in methods}
    return SimpleNamespace(costs=costs, methods=methods, rows=[SimpleNamespace(maps=maps)])


@pytest.mark.parametrize(
    ("ms", "forwards", "time", "count"),
    [
        (3.24, 0.118, "3.2 ms", "0.12"),
        (41.6, 12.34, "42 ms", "12.3"),
        (12_340.0, 457.0, "12.3 s", "457"),
    ],
)
def test_times_have_a_readable_unit(ms, forwards, time, count):
    table = costs_table(report([Cost("forward", 20, 1), Cost("cam", ms, forwards)], ("cam",)))
    assert table.values.tolist()[2] == ["CAM", time, count]


def test_a_pass_that_was_not_run_came_from_the_cache():
    table = costs_table(report([Cost("gradcam", 5, 0.2)], ("gradcam",)))
    assert table.values.tolist()[:2] == [["Forward pass", "from cache", "0"], ["Backward pass", "from cache", "0"]]


def test_a_method_without_any_map_costs_nothing():
    table = costs_table(report([Cost("cam", 0.0, 0.0)], ("cam",), values=None))
    assert table.values.tolist()[2] == ["CAM", "—", "—"]


def test_the_sentence_names_layout_folding_and_the_gain():
    setup = Setup("bf16", True, 20, True, "cpu", 40.0, 20.0)
    choice = SimpleNamespace(why="bfloat16: it is faster here")
    assert setup_sentence(setup, choice) == (
        "Computed on cpu in bfloat16, channels-last layout, 20 BatchNorms folded into their convolutions, weights "
        "packed for this processor. Measured when the learner was prepared: a prediction takes 20 ms that way, "
        "40 ms with the network as it is in float32 (2.0 times as fast). Auto takes bfloat16: it is faster here."
    )
    plain = setup_sentence(Setup("fp32", False, 0, False, "cpu", 40.0, 40.0), None)
    assert plain.startswith("Computed on cpu in float32, the usual memory layout. Measured")
    assert "Auto" not in plain
