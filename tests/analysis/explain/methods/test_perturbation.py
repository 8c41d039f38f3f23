"""Batches, progress and cancelling of the methods with many changes; the first layers are not run again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import nn

from analysis.explain.methods.ablationcam import ABLATIONCAM
from analysis.explain.methods.base import Method
from analysis.explain.methods.fullgrad import FULLGRAD
from analysis.explain.methods.perturbation import perturbed_scores, unit_range
from analysis.explain.methods.scorecam import ISCAM, SCORECAM, SCORECAM_IMAGE, SSCAM
from analysis.explain.methods.smoothgradcampp import SMOOTHGRADCAMPP
from analysis.explain.trace import trace
from tests.analysis.explain.networks import classifier, hooks_of, pictures
from tests.analysis.explain.perturbing import layer_capture

AT_THE_LAYER = [ABLATIONCAM, SCORECAM, SSCAM, ISCAM, FULLGRAD]
PERTURBING = [ABLATIONCAM, SCORECAM, SSCAM, ISCAM, SCORECAM_IMAGE, SMOOTHGRADCAMPP]
EVERY = [*PERTURBING, FULLGRAD]


class Counted(nn.Module):
    """A first convolution that counts the calls its copies get too."""

    calls: list[int] = []  # noqa: RUF012 - shared between copies on purpose

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls.append(len(x))
        return self.conv(x)


@pytest.mark.parametrize("method", AT_THE_LAYER, ids=lambda method: method.name)
def test_the_first_convolution_is_not_run_again(method: Method) -> None:
    net = nn.Sequential(
        Counted(), classifier(dtype=torch.float32)[0][1:], classifier(dtype=torch.float32)[1]
    ).eval()
    kept = trace(net, pictures(dtype=torch.float32), ["1.2", "1.5"])
    Counted.calls.clear()
    for layer in ("1.2", "1.5"):
        method.maps(kept.capture(1), layer)
    assert Counted.calls == []


@pytest.mark.parametrize("method", PERTURBING, ids=lambda method: method.name)
def test_progress_rises_to_its_total(method: Method, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.explain.engine.capture._MAX_BATCH", 4)
    calls: list[tuple[int, int]] = []
    method.maps(layer_capture(classifier(), pictures(), "0.6", 1, lambda *numbers: calls.append(numbers)), "0.6")
    done = [numbers[0] for numbers in calls]
    assert len({total for _, total in calls}) == 1
    assert all(a < b for a, b in pairwise(done))
    assert done[-1] == calls[0][1]
    if method in AT_THE_LAYER:
        assert max(b - a for a, b in pairwise([0, *done])) == 4


@pytest.mark.parametrize("method", PERTURBING, ids=lambda method: method.name)
def test_cancelling_leaves_everything_usable(method: Method) -> None:
    class CancelledError(Exception):
        pass

    def cancel(done: int, total: int) -> None:
        raise CancelledError

    net, x = classifier(), pictures()
    expected = method.maps(layer_capture(net, x, "0.6", 1), "0.6")
    kept = trace(net, x, ["0.6"])
    with pytest.raises(CancelledError):
        kept.explain([method.name], 1, progress=cancel)
    assert hooks_of(net) == 0
    assert torch.is_grad_enabled()
    torch.testing.assert_close(kept.explain([method.name], 1).maps["0.6", method.name], expected.float())


@pytest.mark.parametrize("layer", ["0.1", "0.6"])
@pytest.mark.parametrize("targets", [torch.tensor([2, 0]), (torch.tensor([2, 0]), torch.tensor([0, 1]))])
@pytest.mark.parametrize("method", EVERY, ids=lambda method: method.name)
def test_a_batch_gives_what_its_images_give_alone(method: Method, targets, layer: str) -> None:
    net, x = classifier(), pictures()
    together = method.maps(layer_capture(net, x, layer, targets), layer)
    for image in range(2):
        mine = tuple(t[image, None] for t in targets) if isinstance(targets, tuple) else targets[image, None]
        alone = method.maps(layer_capture(net, x[image, None], layer, mine), layer)
        torch.testing.assert_close(alone, together[image, None])


@pytest.mark.parametrize("method", EVERY, ids=lambda method: method.name)
def test_layers_traced_together_give_what_each_gives_alone(method: Method) -> None:
    net, x = classifier(), pictures()
    together = trace(net, x, ["0.2", "0.4", "0.6"]).capture((2, 0))
    for layer in together.activations:
        alone = method.maps(layer_capture(net, x, layer, (2, 0)), layer)
        torch.testing.assert_close(method.maps(together, layer), alone)


@pytest.mark.parametrize("method", EVERY, ids=lambda method: method.name)
def test_the_callers_randomness_is_left_alone_and_does_not_matter(method: Method) -> None:
    capture = layer_capture(classifier(), pictures(), "0.6", 1)
    state = torch.get_rng_state()
    first = method.maps(capture, "0.6")
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    assert torch.equal(method.maps(capture, "0.6"), first)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode], ids=["no_grad", "inference_mode"])
@pytest.mark.parametrize("method", EVERY, ids=lambda method: method.name)
def test_a_caller_without_gradients_gets_the_same(method: Method, context: Callable) -> None:
    net, x = classifier(), pictures()
    expected = trace(net, x, ["0.6"]).explain([method.name], 1).maps["0.6", method.name]
    with context():
        maps = trace(net, x, ["0.6"]).explain([method.name], 1).maps["0.6", method.name]
    torch.testing.assert_close(maps, expected)


def test_every_image_and_change_is_scored_once_and_in_order() -> None:
    capture = layer_capture(classifier(), pictures(), "0.6", 1)
    asked = []

    def logits(images: torch.Tensor, trials: torch.Tensor) -> torch.Tensor:
        asked.extend(zip(images.tolist(), trials.tolist(), strict=True))
        return (10.0 * images + trials)[:, None].expand(-1, 3)

    scores = perturbed_scores(capture, 5, 3, logits)
    assert asked == [(image, trial) for image in range(2) for trial in range(5)]
    assert scores.tolist() == [[0, 1, 2, 3, 4], [10, 11, 12, 13, 14]]


def test_unit_range() -> None:
    maps = torch.tensor([[[-1.0, 0.0], [1.0, 3.0]], [[7.0, 7.0], [7.0, 7.0]]])
    assert unit_range(maps).tolist() == [[[0, 0.25], [0.5, 1]], [[0, 0], [0, 0]]]
