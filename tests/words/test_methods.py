"""Contributions of tokens: the identity, hand-computed numbers, and captum's answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from words.learners import Recurrent, bag, convolutional

from analysis.explain.errors import ExplainError, UnknownNameError
from analysis.words.methods import best_method, cam, choose, class_weights, gradcam, gradient, token_values
from analysis.words.network import Reading, layer_names, pad, read

IDS = [np.array([2, 3, 4, 5, 6, 3, 9]), np.array([7, 2]), np.array([4]), np.array([], dtype=np.int64)]


@pytest.mark.parametrize("target", [0, 2, (2, 1)])
@pytest.mark.parametrize("kernels", [(3,), (5, 3, 1)])
def test_the_mean_of_the_cam_plus_the_bias_is_the_logit(
    target: int | tuple[int, int], kernels: tuple[int, ...]
) -> None:
    """In float64 to 1e-10, for texts of all lengths beside each other, the empty one too."""
    net = convolutional(classes=3, kernels=kernels)
    taken = read(net, pad(IDS, "cpu"), target)
    last = layer_names(net)[-1]
    mean = cam(taken, last, class_weights(net)).sum(1)  # already divided by the number of words
    bias = taken.of_score(net.head.bias.detach())
    torch.testing.assert_close(mean + bias, taken.scores(), rtol=0, atol=1e-10)
    logits = net(pad(IDS, "cpu")).detach()
    own = logits[:, target] if isinstance(target, int) else logits[:, target[0]] - logits[:, target[1]]
    torch.testing.assert_close(mean + bias, own, rtol=0, atol=1e-10)


def test_nothing_is_said_of_padding_also_where_the_layer_is_not_zero_there() -> None:
    net = Recurrent()
    taken = read(net, pad(IDS[:3], "cpu"), 1)
    for name in layer_names(net):
        assert (taken.activations[name][2, 1:] != 0).any() or name == "embedding"
        for method in (gradcam, gradient):
            values = method(taken, name)
            assert (values[~taken.real] == 0).all()
            alone = method(read(net, pad([IDS[2]], "cpu"), 1), name)
            torch.testing.assert_close(values[2, :1], alone[0])


def test_padding_counts_for_nothing_whatever_stands_there() -> None:
    """By hand: two tokens and one place of padding, where both activations and gradients are not 0."""
    activation, slope = torch.tensor([[[1.0, 2], [3, 4], [9, 9]]]), torch.tensor([[[1.0, 0], [3, 2], [7, 7]]])
    real = torch.tensor([[True, True, False]])
    taken = Reading(torch.zeros(1, 2), torch.tensor([1]), None, real, {"a": activation}, {"a": slope})
    assert gradient(taken, "a").tolist() == [[1, 17, 0]]
    assert gradcam(taken, "a").tolist() == [[2 * 1 + 1 * 2, 2 * 3 + 1 * 4, 0]]
    assert cam(taken, "a", torch.tensor([[0.0, 0], [1, -1]])).tolist() == [[-0.5, -0.5, 0]]


def test_where_the_head_is_average_and_linear_all_three_agree() -> None:
    net = convolutional()
    taken = read(net, pad(IDS[:3], "cpu"), (1, 0))
    exact = cam(taken, "blocks.1", class_weights(net))
    torch.testing.assert_close(gradcam(taken, "blocks.1"), exact)
    torch.testing.assert_close(gradient(taken, "blocks.1"), exact)
    assert not torch.allclose(gradcam(taken, "blocks.0"), gradient(taken, "blocks.0"))


def test_by_hand_in_a_network_that_averages_the_weights_of_words() -> None:
    learner = bag({"good": 3.0, "bad": -5.0, "film": 0.0}, bias=0.5)
    encoded = learner.encode("good bad film")
    taken = read(learner.model, pad([encoded.ids], "cpu"), 1)
    assert float(taken.logits[0, 1]) == pytest.approx((3 - 5 + 0) / 3 + 0.5)
    for method in ("cam", "gradcam", "gradient"):
        values = token_values(learner.model, taken, method, "blocks.0")
        assert values[0].tolist() == pytest.approx([1, -5 / 3, 0])
    # Grad-CAM at the embedding: the slope averages 1 word up, 1 word up, 1 at the ReLU's corner (0)
    assert gradient(taken, "embedding")[0].tolist() == pytest.approx([1, -5 / 3, 0])
    assert gradcam(taken, "embedding")[0].tolist() == pytest.approx([3 * 2 / 9, -5 * 2 / 9, 0])


def test_grad_cam_averages_the_gradients_over_the_real_tokens() -> None:
    """A text beside a longer one gets the same numbers as alone."""
    net = convolutional()
    together, alone = read(net, pad(IDS, "cpu"), 0), read(net, pad([IDS[1]], "cpu"), 0)
    torch.testing.assert_close(gradcam(together, "blocks.0")[1, :2], gradcam(alone, "blocks.0")[0])
    gradients = alone.gradients["blocks.0"][0]
    alpha = (gradients[0] + gradients[1]) / 2
    torch.testing.assert_close(gradcam(alone, "blocks.0")[0], alone.activations["blocks.0"][0] @ alpha)


@pytest.mark.parametrize("make", [convolutional, Recurrent])
def test_captum_agrees_on_gradient_x_embedding(make: type) -> None:
    attr = pytest.importorskip("captum.attr")
    net = make()
    ids = pad(IDS[:1], "cpu")
    oracle = attr.LayerGradientXActivation(net, net.embedding).attribute(ids, target=1)
    torch.testing.assert_close(gradient(read(net, ids, 1), "embedding"), oracle.sum(2).detach())


def test_captums_integrated_gradients_agree_where_the_network_is_linear_and_rank_alike_elsewhere() -> None:
    """In a network without corners between 0 and the words, its path integral is gradient x embedding."""
    attr = pytest.importorskip("captum.attr")
    learner = bag({"good": 3.0, "bad": -5.0, "great": 1.0}, bias=0.5)
    ids = pad([learner.encode("good bad film great").ids], "cpu")
    integrated = attr.LayerIntegratedGradients(learner.model, learner.model.embedding)
    by_captum = integrated.attribute(ids, baselines=torch.ones_like(ids), target=1, n_steps=64).sum(2)[0]
    taken = read(learner.model, ids, 1)
    torch.testing.assert_close(cam(taken, "blocks.0", class_weights(learner.model))[0], by_captum.detach())
    torch.testing.assert_close(gradient(taken, "embedding")[0], by_captum.detach())


def test_integrated_gradients_and_cam_add_up_to_the_same_number() -> None:
    """Both are complete: integrated gradients to logit - logit of the baseline, CAM to logit - bias.

    With the baseline's own CAM taken off, what is left is the same sum.
    """
    attr = pytest.importorskip("captum.attr")
    net = convolutional()
    ids = pad([IDS[0]], "cpu")
    embedded = net.embedding(ids).detach()
    mask = torch.ones(1, 1, ids.shape[1], dtype=torch.float64)

    def run(values: torch.Tensor) -> torch.Tensor:
        return net.from_embedded(values, mask)

    oracle = attr.IntegratedGradients(run).attribute(embedded, target=1, n_steps=2000, method="riemann_middle")
    ours = cam(read(net, ids, 1), "blocks.1", class_weights(net)).sum()
    nothing = run(torch.zeros_like(embedded))[0, 1] - net.head.bias[1]
    assert float(oracle.sum()) == pytest.approx(float(ours - nothing), abs=1e-3)


def test_what_can_be_chosen() -> None:
    net, recurrent = convolutional(), Recurrent()
    assert (best_method(net), best_method(recurrent)) == ("cam", "gradcam")
    assert choose(net, None, None) == ("cam", "blocks.1")
    assert choose(net, "gradcam", "blocks.0") == ("gradcam", "blocks.0")
    assert choose(recurrent, None, None) == ("gradcam", "rnns.1")
    assert choose(recurrent, "gradient", None) == ("gradient", "embedding")
    with pytest.raises(UnknownNameError, match="unknown method 'gradcan'.*Did you mean 'gradcam'"):
        choose(net, "gradcan", None)
    with pytest.raises(ExplainError, match=r"no exact CAM at 'blocks\.0'.*only for 'blocks\.1'"):
        choose(net, "cam", "blocks.0")
    with pytest.raises(ExplainError, match="no exact CAM: after its last layer"):
        choose(recurrent, "cam", None)
