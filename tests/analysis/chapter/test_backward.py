"""The gradient at a layer against `autograd.grad`, and the ways to start a backward pass."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from analysis.chapter.backward import all_scores, check_gradient, starting_points, sum_of_scores
from analysis.chapter.execution import source_of
from analysis.chapter.subject import Subject


def test_the_gradient_comes_with_the_backward_pass_and_predicts_a_small_change(subject: Subject):
    execution, _ = check_gradient(subject, "0.6", 1)
    check = execution.result
    assert not check.available_after_forward
    assert check.gradient_shape == check.activation_shape == (6, 4, 5)
    assert check.class_weight_difference < 1e-5  # times h·w the gradients' means are the class weights
    assert check.measured_change == pytest.approx(check.predicted_change, rel=1e-3)
    model = subject.copy()
    body = model[0](subject.x).requires_grad_()
    (gradient,) = torch.autograd.grad(model[1](body)[0, 1], body)
    expected = (gradient[0].mean(dim=(1, 2), keepdim=True) * body[0]).sum(dim=0).detach()
    np.testing.assert_allclose(check.gradcam, expected, rtol=1e-4, atol=1e-6)
    weights = gradient[0].mean(dim=(1, 2)).numpy()
    assert check.channel == np.abs(weights).argmax()
    assert check.weight == pytest.approx(weights[check.channel], rel=1e-4)
    inner_layer = check_gradient(subject, "0.3", 1)[0].result
    assert inner_layer.class_weight_difference is None
    assert inner_layer.measured_change == pytest.approx(inner_layer.predicted_change, rel=0.05)


def test_backward_of_a_whole_output_fails_and_three_ways_work(subject: Subject):
    failure, points = starting_points(subject, "0.3", 2)
    with pytest.raises(RuntimeError) as raised:
        copy.deepcopy(subject.network)(subject.x).backward()
    assert failure.error == f"RuntimeError: {raised.value}"
    assert failure.source == source_of(all_scores)
    picked, weighted, added = points
    np.testing.assert_array_equal(picked.gradcam, weighted.gradcam)
    assert weighted.gradient_difference == 0
    assert picked.correlation == pytest.approx(1)
    assert added.gradient_difference > 0.01
    assert added.source == source_of(sum_of_scores)
    model = subject.copy()
    inside = model[0][:4](subject.x).requires_grad_()
    (gradient,) = torch.autograd.grad(model[1](model[0][4:](inside)).sum(), inside)
    expected = (gradient[0].mean(dim=(1, 2), keepdim=True) * inside[0]).sum(dim=0).detach()
    np.testing.assert_allclose(added.gradcam, expected, rtol=1e-4, atol=1e-5)
    related = np.corrcoef(added.gradcam.ravel(), picked.gradcam.ravel())[0, 1]
    assert added.correlation == pytest.approx(related, abs=1e-5)
