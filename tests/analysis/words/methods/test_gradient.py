"""Gradient x activation over words: by hand, captum's answers, and the layers where it is the CAM."""

from __future__ import annotations

import pytest
import torch

from analysis.explain.engine.targets import Score
from analysis.learner.words.batches import padded
from analysis.words.methods.cam import cam
from analysis.words.methods.gradcam import gradcam
from analysis.words.methods.gradient import GRADIENT, gradient
from analysis.words.network import Reading, layer_names, read
from tests.analysis.words.learners import Recurrent, bag, convolutional
from tests.analysis.words.methods.texts import IDS


def test_by_hand_and_padding_counts_for_nothing_whatever_stands_there() -> None:
    """Two tokens and one place of padding, where both activations and gradients are not 0."""
    activation, slope = torch.tensor([[[1.0, 2], [3, 4], [9, 9]]]), torch.tensor([[[1.0, 0], [3, 2], [7, 7]]])
    real = torch.tensor([[True, True, False]])
    reading = Reading(torch.zeros(1, 2), Score(torch.tensor([1])), real, {"a": activation}, {"a": slope}, {})
    assert gradient(reading, "a").tolist() == [[1, 17, 0]]


def test_at_both_layers_of_a_bag_of_words_by_hand() -> None:
    learner = bag({"good": 3.0, "bad": -5.0, "film": 0.0}, bias=0.5)
    reading = read(learner.model, padded([learner.view("good bad film").ids]), 1)
    for layer in ("embedding", "blocks.0"):
        assert gradient(reading, layer)[0].tolist() == pytest.approx([1, -5 / 3, 0])


def test_where_the_head_is_average_and_linear_it_is_the_exact_cam_and_before_it_is_no_grad_cam() -> None:
    reading = read(convolutional(), padded(IDS[:3]), (1, 0))
    torch.testing.assert_close(gradient(reading, "blocks.1"), cam(reading, "blocks.1"))
    assert not torch.allclose(gradient(reading, "blocks.0"), gradcam(reading, "blocks.0"))


def test_padding_is_0_also_where_the_layer_is_not() -> None:
    net = Recurrent()
    reading, alone = read(net, padded(IDS[:3]), 1), read(net, padded([IDS[2]]), 1)
    for name in layer_names(net):
        values = gradient(reading, name)
        assert (values[~reading.real] == 0).all()
        torch.testing.assert_close(values[2, :1], gradient(alone, name)[0])


@pytest.mark.parametrize("make", [convolutional, Recurrent])
def test_captum_agrees_on_gradient_x_embedding(make: type) -> None:
    attr = pytest.importorskip("captum.attr")
    net = make()
    ids = padded(IDS[:1])
    oracle = attr.LayerGradientXActivation(net, net.embedding).attribute(ids, target=1)
    torch.testing.assert_close(gradient(read(net, ids, 1), "embedding"), oracle.sum(2).detach())


def test_captums_integrated_gradients_agree_where_the_network_is_linear() -> None:
    """In a network without corners between 0 and the words, its path integral is gradient x embedding."""
    attr = pytest.importorskip("captum.attr")
    learner = bag({"good": 3.0, "bad": -5.0, "great": 1.0}, bias=0.5)
    ids = padded([learner.view("good bad film great").ids])
    integrated = attr.LayerIntegratedGradients(learner.model, learner.model.embedding)
    by_captum = integrated.attribute(ids, baselines=torch.ones_like(ids), target=1, n_steps=64).sum(2)[0]
    torch.testing.assert_close(gradient(read(learner.model, ids, 1), "embedding")[0], by_captum.detach())


def test_it_has_another_title_at_the_embedding() -> None:
    assert GRADIENT.title_at("embedding") == "Gradient × embedding"
    assert GRADIENT.title_at("blocks.0") == "Gradient × activation"
