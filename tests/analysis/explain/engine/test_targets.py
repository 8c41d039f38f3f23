"""Functions of the logits as targets: the same maps as classes where they mean the same, and by hand elsewhere."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from analysis.explain import METHODS, explain, trace
from analysis.explain.engine.targets import Score, score_of, target_label
from analysis.explain.errors import ExplainError
from tests.analysis.explain.networks import classifier, pictures, split

LAYER = "0.6"
NEED_A_CLASS = {"cam", "bookcam", "finercam"}
MANY_PASSES = {"sscam"}  # as scorecam, with 35 times as many passes
ACCEPTING = [name for name in METHODS if name not in NEED_A_CLASS | MANY_PASSES | {"probecam"}]
LABELS = torch.tensor([2, 0])


def log_probability(logits: Tensor) -> Tensor:
    return logits.log_softmax(dim=1)[:, 1]


@pytest.mark.parametrize("method", ACCEPTING)
@pytest.mark.parametrize(
    ("function", "same"),
    [
        (lambda logits: logits[:, 2], 2),
        (lambda logits: logits[:, 1] - logits[:, 0], (1, 0)),
        (lambda logits: logits[torch.arange(len(logits)), LABELS], LABELS),
    ],
    ids=["a class", "a contrast", "a class for each image"],
)
def test_a_function_that_means_a_class_has_its_maps(method: str, function, same) -> None:
    net, x = classifier(), pictures()
    mine = explain(net, x, ["0.3", LAYER], [method], function)
    other = explain(net, x, ["0.3", LAYER], [method], same)
    assert list(mine.maps) == list(other.maps)
    for pair in other.maps:
        torch.testing.assert_close(mine.maps[pair], other.maps[pair], rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(mine.scores, other.scores)
    assert mine.targets is mine.against is None


def test_the_methods_that_need_a_class_refuse_and_the_others_go_on() -> None:
    result = explain(classifier(), pictures(), [LAYER], [*NEED_A_CLASS, "gradcam"], log_probability)
    assert list(result.maps) == [(LAYER, "gradcam")]
    assert set(result.refused) == {(LAYER, method) for method in NEED_A_CLASS}
    assert all("needs a class or a pair of classes" in reason for reason in result.refused.values())


@pytest.mark.parametrize("precision", [torch.float64, torch.float32])
def test_a_gradient_method_differentiates_the_function(precision: torch.dtype) -> None:
    net, x = classifier(dtype=precision), pictures(dtype=precision)
    result = explain(net, x, [LAYER], ["gradcam", "hirescam"], log_probability)
    body, head = split(net, 6)
    activation = body(x).detach().requires_grad_()
    scores = torch.log(torch.exp(head(activation)[:, 1]) / torch.exp(head(activation)).sum(1))
    (gradient,) = torch.autograd.grad(scores.sum(), activation)
    gradcam = (gradient.mean((2, 3), keepdim=True) * activation).sum(1).float()
    torch.testing.assert_close(result.maps[LAYER, "gradcam"], gradcam, rtol=1e-4, atol=1e-6)
    hirescam = (gradient * activation).sum(1).float()
    torch.testing.assert_close(result.maps[LAYER, "hirescam"], hirescam, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(result.scores, scores.float(), rtol=1e-5, atol=1e-6)


def test_captum_agrees_on_a_probability() -> None:
    captum = pytest.importorskip("captum.attr")
    net, x = classifier(), pictures()
    expected = captum.LayerGradCam(lambda images: net(images).softmax(1), net[0][6]).attribute(x, 2)[:, 0]
    result = explain(net, x, [LAYER], ["gradcam"], lambda logits: logits.softmax(1)[:, 2])
    torch.testing.assert_close(result.maps[LAYER, "gradcam"], expected.detach().float(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("count", [1, 3])
def test_a_perturbing_method_evaluates_the_function(count: int) -> None:
    net, x = classifier(), pictures(count)
    result = explain(net, x, [LAYER], ["ablationcam"], log_probability)
    body, head = split(net, 6)
    with torch.no_grad():
        activation = body(x)
        expected = torch.zeros_like(activation[:, 0])
        for channel in range(activation.shape[1]):
            without = activation.clone()
            without[:, channel] = 0
            lost = log_probability(head(activation)) - log_probability(head(without))
            expected += lost[:, None, None] * activation[:, channel]
    torch.testing.assert_close(result.maps[LAYER, "ablationcam"], expected.float(), rtol=1e-4, atol=1e-6)


def test_a_function_gets_examples_at_the_positions_of_their_images() -> None:
    logits = torch.arange(6.0).view(3, 2)
    offsets = torch.tensor([0.0, 100.0, 1000.0])
    score = score_of(lambda z: z[:, 0] + offsets, logits)
    images = torch.tensor([2, 0, 2, 2, 1])
    rows = torch.tensor([[1.0, 0], [2, 0], [3, 0], [4, 0], [5, 0]])
    assert score.of_examples(images, logits).of(rows).tolist() == [1001, 2, 1003, 1004, 105]
    two = score.of_examples(images, logits).of_examples(torch.tensor([4, 0]), rows)  # rows of rows
    assert two.of(torch.tensor([[7.0, 0], [8, 0]])).tolist() == [107, 1008]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_the_callers_mode_does_not_matter(mode) -> None:
    net, x = classifier(), pictures()
    expected = explain(net, x, [LAYER], ["gradcam", "ablationcam"], log_probability)
    with mode():
        result = explain(net, x, [LAYER], ["gradcam", "ablationcam"], log_probability)
        again = trace(net, x, [LAYER]).explain(["gradcam", "ablationcam"], log_probability)
    for pair, values in expected.maps.items():
        torch.testing.assert_close(result.maps[pair], values)
        torch.testing.assert_close(again.maps[pair], values)


def test_a_function_may_change_what_it_is_given() -> None:
    def in_place(logits: Tensor) -> Tensor:
        logits -= 5
        return logits[:, 1]

    result = explain(classifier(), pictures(), [LAYER], ["gradcam"], in_place)
    plain = explain(classifier(), pictures(), [LAYER], ["gradcam"], 1)
    torch.testing.assert_close(result.maps, plain.maps)
    torch.testing.assert_close(result.logits, plain.logits)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda z: z[:, 9], "failed on logits of shape .2, 3.: IndexError: index 9"),
        (lambda z: z.sum(), "one number an image, float .2,., .* returned torch.float64 .."),
        (lambda z: z[:, :1], "returned torch.float64 .2, 1."),
        (lambda z: z.argmax(1), "returned torch.int64 .2,."),
        (lambda z: 3.0, "returned float"),
        (lambda z: z[:, 1] - z[:, 1].mean(), "mixes the images of the batch"),
        (lambda z: z[:, 1].detach(), "cannot be differentiated"),
    ],
)
def test_what_is_no_score_is_refused_in_words(function, message: str) -> None:
    with pytest.raises(ExplainError, match=message):
        explain(classifier(), pictures(), [LAYER], ["gradcam"], function)


def test_a_function_that_fails_on_examples_has_one_error() -> None:
    def fails(logits: Tensor) -> Tensor:
        raise IndexError("no such class")

    rows = Score(function=fails).of_examples(torch.tensor([0, 0]), torch.zeros(1, 3))
    with pytest.raises(ExplainError) as raised:
        rows.of(torch.zeros(2, 3))
    assert (
        str(raised.value) == "the function in targets failed on logits of shape (1, 3): IndexError: no such class"
    )


def test_something_else_than_a_target_is_refused() -> None:
    with pytest.raises(ExplainError, match=r"a function from logits \(B, K\) to scores \(B,\); got str"):
        explain(classifier(), pictures(), [LAYER], ["gradcam"], "dog")


def test_weights_are_the_derivative() -> None:
    logits = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        Score(torch.tensor([1, 2]), torch.tensor([0, 0])).weights(logits),
        torch.tensor([[-1.0, 1, 0], [-1, 0, 1]], dtype=torch.float64),
    )
    expected = torch.eye(3, dtype=torch.float64)[1] - logits.softmax(1)
    torch.testing.assert_close(score_of(log_probability, logits).weights(logits), expected)


def test_a_target_is_named() -> None:
    assert target_label(1, ("cat", "dog")) == "dog"
    assert target_label((1, 0), ("cat", "dog")) == "dog rather than cat"
