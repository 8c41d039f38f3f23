"""The clock adds up the time of each part, in the order in which the parts began."""

from __future__ import annotations

import time

import pytest
import torch

from analysis.explain.engine.clock import Clock
from analysis.explain.trace import explain, trace
from tests.analysis.explain.networks import classifier, pictures


def test_parts_of_one_name_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 0.010, 1.0, 1.002, 2.0, 2.030])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    clock = Clock(torch.device("cpu"), 20.0)
    for what in ("forward", "gradcam", "forward"):
        with clock.part(what):
            pass
    assert [cost.part for cost in clock.costs()] == ["forward", "gradcam"]
    assert [cost.ms for cost in clock.costs()] == pytest.approx([40.0, 2.0])
    assert [cost.forwards for cost in clock.costs()] == pytest.approx([2.0, 0.1])


def test_a_part_that_fails_is_not_counted() -> None:
    clock = Clock(torch.device("cpu"), 1.0)
    with pytest.raises(ZeroDivisionError), clock.part("forward"):
        raise ZeroDivisionError
    assert clock.costs() == ()


def test_an_explanation_has_the_cost_of_each_part() -> None:
    net, x = classifier(), pictures()
    result = explain(net, x, ["0.6"], ["gradcam", "cam"])
    assert [cost.part for cost in result.costs] == ["forward", "backward", "gradcam", "cam"]
    assert all(cost.ms > 0 for cost in result.costs)
    for cost in result.costs:
        assert cost.forwards == pytest.approx(cost.ms / result.setup.reference_ms)
    assert [cost.part for cost in explain(net, x, ["0.6"], ["cam"]).costs] == ["forward", "cam"]


def test_the_forward_pass_of_a_trace_is_counted_once() -> None:
    kept = trace(classifier(), pictures(), ["0.6"])
    assert [cost.part for cost in kept.explain(["gradcam"], 0).costs] == ["forward", "backward", "gradcam"]
    assert [cost.part for cost in kept.explain(["gradcam"], 1).costs] == ["backward", "gradcam"]
    assert [cost.part for cost in kept.explain(["cam"], 1).costs] == ["cam"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_cuda_device_is_timed_by_its_own_clock() -> None:
    clock = Clock(torch.device("cuda"), 1.0)
    with clock.part("forward"):
        torch.cuda._sleep(10_000_000)
    assert clock.costs()[0].ms > 1
