"""Captures of a forward pass: each image with its score, and every class of each image."""

from __future__ import annotations

import pytest
import torch

from analysis.explain import trace
from analysis.explain.engine.forward_pass import ForwardPass
from analysis.explain.engine.preparation import prepare
from analysis.explain.engine.targets import Score
from analysis.explain.errors import LayerError
from analysis.explain.source import ForwardPassSource, capture_of, captures_of_classes
from tests.analysis.explain.networks import SideBranch, classifier, pictures
from tests.analysis.explain.oracles import by_hand, with_output

LAYERS = ["0.1", "0.6"]


def forward_pass(batch: int, layers: list[str] = LAYERS) -> ForwardPass:
    net, x = classifier(), pictures(batch)
    return ForwardPass(prepare(net, x, wanted=layers), x, layers)


def test_a_capture_has_the_activations_gradients_and_score_of_each_image() -> None:
    targets = torch.tensor([2, 0, 1])
    capture = capture_of(forward_pass(3), Score(targets), LAYERS, gradients=True, keep=False)
    for layer in LAYERS:
        logits, activation, gradient = by_hand(classifier(), pictures(3), layer, targets)
        torch.testing.assert_close(capture.activations[layer], activation)
        torch.testing.assert_close(capture.gradients[layer], gradient)
    torch.testing.assert_close(capture.logits, logits)
    torch.testing.assert_close(capture.scores(), logits[torch.arange(3), targets])
    assert capture.notes == ()


def test_a_capture_without_gradients_has_none() -> None:
    capture = capture_of(forward_pass(2), Score(torch.tensor([0, 1])), ["0.6"], gradients=False, keep=False)
    assert dict(capture.gradients) == {}
    assert list(capture.activations) == ["0.6"]


@pytest.mark.parametrize("batch", [1, 2])
def test_the_captures_of_all_classes_are_those_of_each_class(batch: int) -> None:
    net, x = classifier(), pictures(batch)
    captures = list(captures_of_classes(forward_pass(batch), "0.1", gradients=True))
    targets = torch.cat([capture.targets for capture in captures])
    assert targets.tolist() == [target for target in range(3) for _ in range(batch)]
    gradients = torch.cat([capture.gradients["0.1"] for capture in captures])
    activations = torch.cat([capture.activations["0.1"] for capture in captures])
    for target in range(3):
        examples = slice(target * batch, (target + 1) * batch)
        _, activation, gradient = by_hand(net, x, "0.1", target)
        torch.testing.assert_close(gradients[examples], gradient)
        torch.testing.assert_close(activations[examples], activation)


def test_examples_are_resumed_from_the_image_that_each_belongs_to() -> None:
    net, x = SideBranch().eval(), pictures(3)
    layers = ["main.6", "main.0"]
    side_and_main = ForwardPass(prepare(net, x, wanted=layers), x, layers)
    network = ForwardPassSource(side_and_main, torch.tensor([2, 0])).resume("main.6")
    examples, images = torch.tensor([1, 0, 0]), torch.tensor([0, 2, 2])  # the images of these examples
    changed = side_and_main.activation("main.6")[images] * 0.5
    expected = with_output(net, x[images], "main.6", changed)
    with torch.no_grad():
        torch.testing.assert_close(network(changed, examples), expected)
        logits, outputs = network.run_with_outputs(changed, examples, network.calls[-1:])
    torch.testing.assert_close(logits, expected)
    torch.testing.assert_close(outputs[0], expected)  # the last call is that of the head


def test_the_examples_of_one_image_are_resumed_from_that_image() -> None:
    net, x = classifier(), pictures(1)
    (capture,) = captures_of_classes(forward_pass(1), "0.1", gradients=False)
    changed, examples = capture.activations["0.1"][:2] * 0.5, torch.tensor([2, 0])
    with torch.no_grad():
        logits = capture.resume("0.1")(changed, examples)
    expected = with_output(net, x.expand(2, -1, -1, -1), "0.1", changed)
    torch.testing.assert_close(logits, expected)
    weights = torch.eye(3, dtype=x.dtype).roll(1, 0)  # of example 0 the last class, of example 1 the first, ...
    gradients = capture.gradients_of(weights)["0.1"]
    for example, target in enumerate((2, 0, 1)):
        torch.testing.assert_close(gradients[example], by_hand(net, x, "0.1", target)[2][0])


@pytest.mark.parametrize("method", ["gradcam", "cam", "hirescam", "ablationcam"])
@pytest.mark.parametrize("batch", [1, 2])
def test_every_class_is_each_class(method: str, batch: int) -> None:
    net, x = classifier(), pictures(batch)
    kept = trace(net, x, ["0.6"])
    every = kept.every_class("0.6", method)
    assert every.shape == (3, batch, 4, 5)
    assert every.dtype == torch.float32
    for target in range(3):
        torch.testing.assert_close(every[target], kept.explain([method], target).maps["0.6", method])


def test_classes_come_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = classifier(classes=7), pictures(2)
    whole = trace(net, x, ["0.6"]).every_class("0.6", "gradcam")
    three_examples = 3 * 6 * 20
    monkeypatch.setattr("analysis.explain.source._MAX_CLASS_NUMBERS", three_examples)
    torch.testing.assert_close(trace(net, x, ["0.6"]).every_class("0.6", "gradcam"), whole)


def test_every_class_without_a_gradient_is_refused_with_the_reason() -> None:
    net = SideBranch().eval()
    for count in (1, 2):
        with pytest.raises(LayerError, match=r"no gradient reaches layer 'side\.6'"):
            trace(net, pictures(count), ["side.6"]).every_class("side.6", "gradcam")
