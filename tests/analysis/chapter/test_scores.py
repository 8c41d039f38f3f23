"""The class score of every location, and that the scores average to the logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from analysis.chapter.scores import class_scores, location_score, score_maps
from analysis.chapter.subject import Subject
from tests.analysis.explain.networks import pictures


def test_scores_average_to_the_logits_of_every_class(subject: Subject):
    execution, location = score_maps(subject, 2)
    scores = execution.result
    with torch.no_grad():
        logits = subject.copy()(subject.x)[0].numpy()
    assert scores.kind == "exact"
    assert scores.weight_shape == (3, 6)
    assert scores.activation_shape == (6, 4, 5)
    assert scores.maps.shape == (3, 4, 5)
    np.testing.assert_allclose(scores.maps.mean(axis=(1, 2)) + scores.bias, logits, atol=1e-5)
    assert np.abs(scores.residual).max() < 1e-5
    assert [kind for _, kind in scores.head] == [
        "AdaptiveAvgPool2d",
        "Flatten",
        "BatchNorm1d",
        "Dropout",
        "Linear",
    ]
    # the Linear's own weights, as the chapter takes them, are not those of the channels: a BatchNorm lies between
    with torch.no_grad():
        body = subject.copy()[0](subject.x)[0]
        naive = torch.einsum("ck,kij->cij", subject.network[1][4].weight, body).mean(dim=(1, 2)).numpy()
    assert scores.unfolded_difference.result == pytest.approx(np.abs(naive - logits).max(), rel=1e-4)
    place = np.unravel_index(scores.maps[2].argmax(), (4, 5))
    assert (location.value.row, location.value.column) == place
    assert location.value.loop_score == pytest.approx(location.value.score, abs=1e-5)
    assert location.value.score == pytest.approx(float(scores.maps[2][place]))
    products = [abs(product) for *_, product in location.value.terms]
    assert products == sorted(products, reverse=True)
    for channel, weight, activation, product in location.value.terms:
        assert product == pytest.approx(weight * activation)
        assert activation == pytest.approx(float(body[channel][place]))


def test_one_location_by_hand():
    weight = torch.tensor([2.0, -1.0])
    activation = torch.tensor([[[1.0, 3.0]], [[10.0, 4.0]]])
    assert location_score(weight, activation, 0, 1) == 2.0
    np.testing.assert_array_equal(class_scores(weight[None], activation), [[[-8.0, 2.0]]])


def test_a_head_without_a_cam_gives_the_real_error_and_the_reason():
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)),
    ).eval()
    execution, location = score_maps(Subject(net, pictures(1, dtype=torch.float32)), 0)
    assert execution.result.kind == "none"
    assert location is None
    assert "5" in execution.result.unfolded_difference.error
    assert "4" in execution.result.unfolded_difference.error
    assert execution.result.reason
