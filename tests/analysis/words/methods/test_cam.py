"""The exact CAM over words: it adds up to the logit, whatever stands beside a text; captum's answers."""

from __future__ import annotations

import pytest
import torch

from analysis.explain.engine.targets import Score
from analysis.explain.errors import ExplainError
from analysis.learner.words.batches import padded
from analysis.words.methods.cam import cam
from analysis.words.network import ClassWeights, Reading, layer_names, read
from tests.analysis.words.learners import Recurrent, bag, convolutional
from tests.analysis.words.methods.texts import IDS


@pytest.mark.parametrize("target", [0, 2, (2, 1)])
@pytest.mark.parametrize("kernels", [(3,), (5, 3, 1)])
def test_the_mean_of_the_cam_plus_the_bias_is_the_logit(
    target: int | tuple[int, int], kernels: tuple[int, ...]
) -> None:
    """In float64 to 1e-10, for texts of all lengths beside each other, the empty one too."""
    net = convolutional(classes=3, kernels=kernels)
    reading = read(net, padded(IDS), target)
    mean = cam(reading, layer_names(net)[-1]).sum(1)  # already divided by the number of words
    bias = reading.score.of_class(net.head.bias.detach())
    logits = net(padded(IDS)).detach()
    own = logits[:, target] if isinstance(target, int) else logits[:, target[0]] - logits[:, target[1]]
    torch.testing.assert_close(mean + bias, own, rtol=0, atol=1e-10)


def test_by_hand_and_padding_counts_for_nothing_whatever_stands_there() -> None:
    activation = torch.tensor([[[1.0, 2], [3, 4], [9, 9]]])
    real = torch.tensor([[True, True, False]])
    weights = ClassWeights("exact", torch.tensor([[0.0, 0], [1, -1]]), torch.zeros(2))
    reading = Reading(torch.zeros(1, 2), Score(torch.tensor([1])), real, {"a": activation}, {}, {"a": weights})
    assert cam(reading, "a").tolist() == [[-0.5, -0.5, 0]]


def test_by_hand_in_a_network_that_averages_the_weights_of_words() -> None:
    learner = bag({"good": 3.0, "bad": -5.0, "film": 0.0}, bias=0.5)
    reading = read(learner.model, padded([learner.view("good bad film").ids]), 1, gradients=False)
    assert float(reading.logits[0, 1]) == pytest.approx((3 - 5 + 0) / 3 + 0.5)
    assert cam(reading, "blocks.0")[0].tolist() == pytest.approx([1, -5 / 3, 0])


@pytest.mark.parametrize(("make", "layer"), [(convolutional, "blocks.0"), (Recurrent, "rnns.1")])
def test_a_layer_without_class_weights_has_none(make: type, layer: str) -> None:
    with pytest.raises(ExplainError, match="no class weights at this layer"):
        cam(read(make(), padded(IDS), 1), layer)


def test_captums_integrated_gradients_agree_where_the_network_is_linear() -> None:
    """In a network without corners between 0 and the words, its path integral is the CAM."""
    attr = pytest.importorskip("captum.attr")
    learner = bag({"good": 3.0, "bad": -5.0, "great": 1.0}, bias=0.5)
    ids = padded([learner.view("good bad film great").ids])
    integrated = attr.LayerIntegratedGradients(learner.model, learner.model.embedding)
    by_captum = integrated.attribute(ids, baselines=torch.ones_like(ids), target=1, n_steps=64).sum(2)[0]
    torch.testing.assert_close(cam(read(learner.model, ids, 1), "blocks.0")[0], by_captum.detach())


def test_integrated_gradients_and_cam_add_up_to_the_same_number() -> None:
    """Both are complete: integrated gradients to logit - logit of the baseline, CAM to logit - bias.

    With the baseline's own CAM taken off, what is left is the same sum.
    """
    attr = pytest.importorskip("captum.attr")
    net = convolutional()
    ids = padded([IDS[0]])
    embedded = net.embedding(ids).detach()
    mask = torch.ones(1, 1, ids.shape[1], dtype=torch.float64)

    def run(values: torch.Tensor) -> torch.Tensor:
        return net.from_embedded(values, mask)

    oracle = attr.IntegratedGradients(run).attribute(embedded, target=1, n_steps=2000, method="riemann_middle")
    nothing = run(torch.zeros_like(embedded))[0, 1] - net.head.bias[1]
    ours = cam(read(net, ids, 1), "blocks.1").sum()
    assert float(oracle.sum()) == pytest.approx(float(ours - nothing), abs=1e-3)
