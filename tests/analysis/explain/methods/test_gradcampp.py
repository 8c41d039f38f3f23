"""Grad-CAM++ against numbers worked out by hand, the paper's derivatives, and pytorch-grad-cam."""

from __future__ import annotations

import pytest
import pytorch_grad_cam
import torch

from analysis.explain.methods.gradcampp import GRADCAMPP
from tests.analysis.explain.methods.hand import LAYER, HandCapture, cut, rectified
from tests.analysis.explain.methods.peers import RECTIFIED, as_shown, jacobgils, loud
from tests.analysis.explain.networks import pictures


def test_two_channels_by_hand() -> None:
    act = torch.tensor([[[[1.0, 3.0]], [[2.0, 0.0]]]])  # sums 4 and 2
    grad = torch.tensor([[[[0.5, 1.0]], [[-2.0, 1.0]]]])
    # weights: .5 / (2 + 4 * .5) + 1 / (2 + 4) = 7/24 and 1 / (2 + 2) = 1/4
    expected = torch.tensor([[[7 / 24 + 2 / 4, 3 * 7 / 24]]])
    torch.testing.assert_close(GRADCAMPP.maps(HandCapture(act, grad), LAYER), expected)


def test_the_coefficients_are_those_of_the_papers_second_and_third_derivatives() -> None:
    """Of Y = exp(y), with y linear in one channel: eq. 19's parts by automatic differentiation."""
    weight = torch.tensor([0.3, -0.2, 0.5, 0.1], dtype=torch.float64)
    act = rectified(1, 1, 1, 4, seed=3)
    alphas, firsts = [], []
    for cell in range(4):
        point = act[0, 0, 0].clone().requires_grad_()
        derivatives = [(weight * point).sum().exp()]
        for _ in range(3):
            derivatives.append(torch.autograd.grad(derivatives[-1], point, create_graph=True)[0][cell])
        _, first, second, third = derivatives
        alphas.append(second / (2 * second + act.sum() * third))
        firsts.append(first)
    score = (weight * act[0, 0, 0]).sum()
    by_paper = sum(alpha * first.clamp(min=0) for alpha, first in zip(alphas, firsts, strict=True)) * act[0]
    ours = GRADCAMPP.maps(HandCapture(act, weight.view(1, 1, 1, 4)), LAYER)
    torch.testing.assert_close(ours * score.exp(), by_paper.detach())


@pytest.mark.parametrize("size", [1.0, 1e-9, 1e-25])
def test_small_gradients_do_not_underflow(size: float) -> None:
    act, grad = rectified(1, 2, 3, 3, dtype=torch.float32), rectified(1, 2, 3, 3, seed=1, dtype=torch.float32)
    maps = GRADCAMPP.maps(HandCapture(act, grad * size), LAYER)
    exact = GRADCAMPP.maps(HandCapture(act.double(), grad.double() * size), LAYER)
    torch.testing.assert_close(maps, exact.float(), rtol=1e-5, atol=0)


def test_a_negative_channel_sum_neither_divides_by_zero_nor_turns_the_weight() -> None:
    act = torch.tensor([[[[-3.0, 1.0]]]])
    for gradient in (1.0, 1.5):  # 2 + S g is 0 for the first, -1 for the second
        maps = GRADCAMPP.maps(HandCapture(act, torch.full((1, 1, 1, 2), gradient)), LAYER)
        torch.testing.assert_close(maps, gradient * act[:, 0])


def test_pytorch_grad_cam_agrees() -> None:
    net, x = loud(), pictures()
    ours = GRADCAMPP.maps(cut(net, x, 2, 2), LAYER)
    shown = jacobgils(pytorch_grad_cam.GradCAMPlusPlus, net, x, RECTIFIED, 2)
    torch.testing.assert_close(as_shown(ours), shown, rtol=1e-3, atol=1e-3)
