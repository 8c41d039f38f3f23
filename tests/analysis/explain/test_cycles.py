"""What an explanation used is freed as soon as it is dropped: there are no reference cycles."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator

import numpy as np
import psutil
import pytest
import torch
from torch import nn

from analysis.chapter.backward import check_gradient, starting_points
from analysis.chapter.hooks import forward_pass, stored_activation
from analysis.chapter.modes import compare_memory, compare_modes
from analysis.chapter.scores import score_maps
from analysis.chapter.subject import Subject
from analysis.explain import METHODS, explain, explainable_layers, trace
from analysis.explain.report.layers import layer_report
from analysis.explain.report.picture import TracedImage
from analysis.explain.studies.ablation import CHANGES, AblationRunner
from analysis.explain.studies.keepdim import keepdim_cases, keepdim_table
from tests.analysis.explain.networks import classifier, pictures

NET = classifier(dtype=torch.float32)
X, OTHERS = (pictures(count, 32, 32, dtype=torch.float32) for count in (1, 3))
IMAGE = np.zeros((32, 32, 3), np.uint8)


class Detached(nn.Module):
    """No gradient reaches its body, so that every gradient method refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = NET[0], NET[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x).detach())


DETACHED = Detached().eval()
ABLATION_RUNNER = AblationRunner(NET, X, "0.6", ((0.0,) * 3, (1.0,) * 3))


def traced_image(model: nn.Module = NET, layers: list[str] | None = None) -> TracedImage:
    image = TracedImage(model, X, layers=layers)
    for target in (None, 1, (1, 0)):
        layer_report(image, IMAGE, "abc", target, methods=[name for name in METHODS if name != "sscam"])
    return image


CALLS: dict[str, Callable[[], object]] = {
    "a report of every method": traced_image,
    "a report of refusals": lambda: traced_image(DETACHED, ["body.6"]),
    "explain": lambda: explain(NET, OTHERS, ["0.1", "0.6"], [name for name in METHODS if name not in NOT_HERE]),
    "trace": lambda: trace(NET, OTHERS, ["0.1", "0.6"]).explain(["gradcam", "ablationcam"], (1, 0)),
    "every class": lambda: trace(NET, X, ["0.6"]).every_class("0.6", "gradcam"),
    "layers": lambda: explainable_layers(NET, X),
    "keepdim": lambda: (keepdim_cases(NET, X), keepdim_table(NET, [32])),
    "the ablation": lambda: ABLATION_RUNNER.run(X, [change.choices for change in CHANGES], OTHERS),
    "chapter: hooks": lambda: (forward_pass(Subject(NET, X)), stored_activation(Subject(NET, X))),
    "chapter: scores": lambda: score_maps(Subject(NET, X), 1),
    "chapter: modes": lambda: (compare_modes(Subject(NET, X), OTHERS, 2), compare_memory(Subject(NET, X))),
    "chapter: backward": lambda: (
        check_gradient(Subject(NET, X), "0.6", 1),
        starting_points(Subject(NET, X), "0.6", 1),
    ),
}
NOT_HERE = {"cam", "bookcam", "probecam", "sscam"}


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


@pytest.mark.parametrize("name", CALLS)
def test_the_collector_finds_nothing_to_do(name: str) -> None:
    CALLS[name]()  # the first call prepares the network, which is kept
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    CALLS[name]()
    gc.collect()
    assert [type(thing).__name__ for thing in gc.garbage] == []


def test_a_picture_and_its_tensors_die_with_the_last_name_for_them() -> None:
    image = traced_image()
    capture = image.score().capture
    dead = [weakref.ref(image), weakref.ref(image.score()), weakref.ref(capture.activations["0.6"])]
    dead += [weakref.ref(capture.gradients["0.6"])]
    del image, capture
    assert [reference() for reference in dead] == [None] * 4


def test_memory_is_flat_without_a_collector() -> None:
    process = psutil.Process()
    model = classifier(dtype=torch.float32)
    x = pictures(1, 256, 256, dtype=torch.float32)  # its activations alone are more than 3 MiB

    def memory_after_report() -> int:
        layer_report(TracedImage(model, x), IMAGE, "abc", methods=["cam", "gradcam"])
        return process.memory_info().rss

    before = [memory_after_report() for _ in range(20)][-1]
    after = [memory_after_report() for _ in range(40)][-1]
    assert (after - before) / 40 < 0.2 * 2**20
