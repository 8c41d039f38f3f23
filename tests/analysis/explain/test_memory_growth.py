"""A thousand explanations use no more memory, tensors and hooks than a few."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

import psutil
import pytest
import torch

from analysis.explain.trace import explain, trace
from tests.analysis.explain.networks import classifier, hooks_of, pictures

WARM_UP = 50
MIB = 2**20


def live_tensors() -> int:
    # type(), not isinstance(): a deprecated proxy in some library would answer to being asked for its class
    return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())


def assert_no_growth(call: Callable[[int], object], times: int = 1000, python_kib: int = 64) -> None:
    """`call(0)`, `call(1)` and so on leave no live tensor and, beside noise, no Python object and no page.

    A graph that grows inside torch shows in the pages only; with pictures of 32 pixels one explanation's
    activations are about 50 KiB, so a thousand of them could not hide. Python objects made in the second half
    and still there are counted, also where they took the place of others: `python_kib` allows for those.
    """
    for i in range(WARM_UP):
        call(i)
    gc.collect()
    tensors = live_tensors()
    for i in range(times // 2):
        call(i)
    gc.collect()
    resident = psutil.Process().memory_info().rss
    tracemalloc.start()
    try:
        for i in range(times // 2):
            call(i)
        gc.collect()
        python = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert live_tensors() <= tensors
    assert python < python_kib * 1024
    assert psutil.Process().memory_info().rss - resident < 8 * MIB


def images() -> torch.Tensor:
    return pictures(height=32, width=32, dtype=torch.float32)


@pytest.mark.parametrize("methods", [["gradcam"], ["cam", "gradcam"]])
def test_a_thousand_explanations(methods: list[str]) -> None:
    net, x = classifier(dtype=torch.float32), images()
    hooks = hooks_of(net)
    assert_no_growth(lambda i: explain(net, x, ["0.6"], methods, i % 3))
    assert hooks_of(net) == hooks
    assert all(parameter.grad is None for parameter in net.parameters())


def test_pictures_of_many_sizes() -> None:
    net = classifier(dtype=torch.float32)
    # more sizes than copies of a network are kept for, so that some are replaced at every call
    sizes = [pictures(dtype=torch.float32, height=32, width=24 + 8 * i) for i in range(8)]
    assert_no_growth(lambda i: explain(net, sizes[i % 8], ["0.1", "0.6"], ["gradcam"]), 100, python_kib=512)
    assert hooks_of(net) == 0


def test_a_thousand_classes_through_one_trace() -> None:
    net = classifier(dtype=torch.float32, classes=40)
    kept = trace(net, images(), ["0.1", "0.6"])
    assert_no_growth(lambda i: kept.explain(["gradcam"], i % 40))
    assert_no_growth(lambda i: kept.every_class("0.6", "gradcam"))
    assert hooks_of(net) == 0


def test_a_thousand_traces_are_freed() -> None:
    net, x = classifier(dtype=torch.float32), images()
    assert_no_growth(lambda i: trace(net, x, ["0.1", "0.6"]).explain(["gradcam"], i % 3))
    assert hooks_of(net) == 0


def test_models_are_freed() -> None:
    x = images()
    assert_no_growth(lambda i: explain(classifier(dtype=torch.float32), x, ["0.6"], ["gradcam"]), times=100)
