"""Grad-CAM over words: by hand, and a text beside others gets the numbers that it gets alone."""

from __future__ import annotations

import pytest
import torch

from analysis.explain.engine.targets import Score
from analysis.learner.words.batches import padded
from analysis.words.methods.cam import cam
from analysis.words.methods.gradcam import gradcam
from analysis.words.network import Reading, layer_names, read
from tests.analysis.words.learners import Recurrent, bag, convolutional
from tests.analysis.words.methods.texts import IDS


def test_by_hand_and_padding_counts_for_nothing_whatever_stands_there() -> None:
    """Two tokens and one place of padding, where both activations and gradients are not 0."""
    activation, slope = torch.tensor([[[1.0, 2], [3, 4], [9, 9]]]), torch.tensor([[[1.0, 0], [3, 2], [7, 7]]])
    real = torch.tensor([[True, True, False]])
    reading = Reading(torch.zeros(1, 2), Score(torch.tensor([1])), real, {"a": activation}, {"a": slope}, {})
    assert gradcam(reading, "a").tolist() == [[2 * 1 + 1 * 2, 2 * 3 + 1 * 4, 0]]


def test_at_the_embedding_of_a_bag_of_words_by_hand() -> None:
    """The slope averages 1 word up, 1 word up, 1 at the ReLU's corner (0)."""
    learner = bag({"good": 3.0, "bad": -5.0, "film": 0.0}, bias=0.5)
    reading = read(learner.model, padded([learner.view("good bad film").ids]), 1)
    assert gradcam(reading, "embedding")[0].tolist() == pytest.approx([3 * 2 / 9, -5 * 2 / 9, 0])


def test_where_the_head_is_average_and_linear_it_is_the_exact_cam() -> None:
    reading = read(convolutional(), padded(IDS[:3]), (1, 0))
    torch.testing.assert_close(gradcam(reading, "blocks.1"), cam(reading, "blocks.1"))


def test_the_gradients_are_averaged_over_the_real_tokens() -> None:
    net = convolutional()
    together, alone = read(net, padded(IDS), 0), read(net, padded([IDS[1]]), 0)
    torch.testing.assert_close(gradcam(together, "blocks.0")[1, :2], gradcam(alone, "blocks.0")[0])
    gradients = alone.gradients["blocks.0"][0]
    alpha = (gradients[0] + gradients[1]) / 2
    torch.testing.assert_close(gradcam(alone, "blocks.0")[0], alone.activations["blocks.0"][0] @ alpha)


def test_padding_is_0_also_where_the_layer_is_not() -> None:
    net = Recurrent()
    reading, alone = read(net, padded(IDS[:3]), 1), read(net, padded([IDS[2]]), 1)
    for name in layer_names(net):
        assert (reading.activations[name][2, 1:] != 0).any() or name == "embedding"
        values = gradcam(reading, name)
        assert (values[~reading.real] == 0).all()
        torch.testing.assert_close(values[2, :1], gradcam(alone, name)[0])
