"""What training mode does to predictions and BatchNorm statistics, and what a graph costs in memory."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from analysis.chapter.modes import GraphMemory, compare_memory, compare_modes, graph_memory
from analysis.chapter.subject import Subject
from tests.analysis.explain.networks import pictures


def test_training_mode_refuses_one_picture_and_varies_with_several(subject: Subject):
    others = pictures(7, dtype=torch.float32)[1:]
    random_state = torch.get_rng_state()
    comparison = compare_modes(subject, others, repeats=5)
    assert torch.equal(torch.get_rng_state(), random_state)
    with pytest.raises(ValueError, match="more than 1 value") as raised:
        copy.deepcopy(subject.network).train()(subject.x)
    assert comparison.error_alone == f"ValueError: {raised.value}"
    assert comparison.evaluation.shape == comparison.training.shape == (5, 3)
    np.testing.assert_array_equal(comparison.evaluation, np.repeat(comparison.evaluation[:1], 5, axis=0))
    expected = subject.copy()(subject.x).softmax(dim=1)[0].numpy()
    np.testing.assert_allclose(comparison.evaluation[0], expected, rtol=1e-6)
    assert np.ptp(comparison.training, axis=0).min() > 0.01
    assert [norm.layer for norm in comparison.batch_norms] == ["0.1", "0.5", "1.2"]
    assert [norm.batches for norm in comparison.batch_norms] == [5, 5, 5]
    assert min(norm.mean_change for norm in comparison.batch_norms) > 0
    assert comparison.unchanged == 3
    assert np.abs(comparison.afterwards - expected).max() > 1e-3
    np.testing.assert_array_equal(compare_modes(subject, others, repeats=5).training, comparison.training)


def test_without_any_other_picture_there_is_no_training_prediction(subject: Subject):
    comparison = compare_modes(subject, subject.x[:0], repeats=2)
    assert comparison.training.shape == (0, 3)


def test_memory_by_hand():
    """One convolution keeps its input, a ReLU its output; the weights are there anyway."""
    net = nn.Sequential(nn.Conv2d(3, 5, 1, bias=False), nn.ReLU())
    x = torch.randn(2, 3, 4, 4)
    assert graph_memory(net, x, True) == GraphMemory(4 * (x.numel() + 2 * 5 * 4 * 4), has_graph=True)
    assert graph_memory(net, x, False) == GraphMemory(0, has_graph=False)


def test_no_grad_stores_nothing(subject: Subject):
    with_gradients, without = compare_memory(subject)
    assert with_gradients.result.size > 4 * 4 * 8 * 10
    assert without.result == GraphMemory(0, has_graph=False)
