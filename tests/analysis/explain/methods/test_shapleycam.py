"""ShapleyCAM: a Hessian worked out by hand and formed in full, Shapley values by enumeration, the peer."""

from __future__ import annotations

import itertools
import math

import pytest
import pytorch_grad_cam
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from analysis.explain.methods.gradcam import GRADCAM
from analysis.explain.methods.shapleycam import SHAPLEYCAM
from tests.analysis.explain.methods.hand import LAYER, HandCapture, rectified, signed
from tests.analysis.explain.methods.peers import as_shown, jacobgils
from tests.analysis.explain.networks import pictures


def smooth(classes: int = 3) -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(nn.Conv2d(4, 6, 3), nn.SiLU(), nn.Flatten(), nn.Linear(6 * 2 * 3, classes)).double()


def test_a_quadratic_score_by_hand() -> None:
    """y = 3 a^2 + b a with a = (1, 2), b = 5: g = (6 a + 5), H A = 6 a, so the bracket is 3 a + 5."""
    act = torch.tensor([[[[1.0, 2.0]]]])
    given = HandCapture(act, back=lambda a: (3 * a**2 + 5 * a).sum((1, 2, 3))[:, None])
    weight = ((3 + 5) + (6 + 5)) / 2
    torch.testing.assert_close(SHAPLEYCAM.maps(given, LAYER), weight * act[:, 0])


def test_the_bracket_times_the_activation_is_the_shapley_value_of_a_quadratic_game() -> None:
    """Two cells of two channels switched on in every order: mean gains, and the channel's weight from them."""
    act, matrix = signed(1, 2, 1, 2), signed(4, 4, seed=8)

    def score(a: Tensor) -> Tensor:
        flat = a.flatten(1)
        return ((flat @ matrix) * flat).sum(1, keepdim=True) + flat.sum(1, keepdim=True)

    value = torch.zeros(4, dtype=torch.float64)
    for order in itertools.permutations(range(4)):
        on = torch.zeros(1, 4, dtype=torch.float64)
        for cell in order:
            before = score(on)
            on[0, cell] = act.flatten()[cell]
            value[cell] += (score(on) - before)[0, 0] / math.factorial(4)
    weights = (value / act.flatten()).view(1, 2, 1, 2).mean((2, 3))
    expected = torch.einsum("bc,bchw->bhw", weights, act)
    torch.testing.assert_close(SHAPLEYCAM.maps(HandCapture(act, back=score), LAYER), expected)


@pytest.mark.parametrize("against", [None, torch.tensor([2, 0])])
def test_the_hessian_formed_in_full(against: Tensor | None) -> None:
    given = HandCapture(rectified(2, 4, 4, 5), back=smooth(), targets=torch.tensor([1, 2]), against=against)
    maps = SHAPLEYCAM.maps(given, LAYER)
    for image in range(2):
        one = given.activation[image : image + 1]
        hessian = torch.autograd.functional.hessian(
            lambda a, i=image: given.score_of(given.back(a), torch.tensor([i])).sum(), one
        ).reshape(one.numel(), -1)
        product = (hessian @ one.flatten()).view_as(one)
        weights = (given.gradient[image : image + 1] - product / 2).mean((2, 3))
        torch.testing.assert_close(maps[image], torch.einsum("bc,bchw->bhw", weights, one)[0])
    assert not torch.allclose(maps, GRADCAM.maps(given, LAYER), rtol=0.01)


@pytest.mark.parametrize(
    "back",
    [
        nn.Sequential(nn.Conv2d(4, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(6, 3)),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)),
    ],
    ids=["piecewise linear", "linear"],
)
def test_without_a_second_derivative_it_is_gradcam(back: nn.Module) -> None:
    given = HandCapture(rectified(2, 4, 4, 5), back=back.double(), targets=torch.tensor([1, 2]))
    torch.testing.assert_close(SHAPLEYCAM.maps(given, LAYER), GRADCAM.maps(given, LAYER))


def test_an_operation_without_second_derivative_is_differenced() -> None:
    """PyTorch's hardsigmoid, as MobileNet v3 has it, beside the same function written out."""
    act = rectified(2, 4, 4, 5)
    fused, written_out = (
        SHAPLEYCAM.maps(HandCapture(act, back=lambda a, f=f: smooth()(a * f(a))), LAYER)
        for f in (F.hardsigmoid, lambda a: (a / 6 + 0.5).clamp(0, 1))
    )
    torch.testing.assert_close(fused, written_out, rtol=1e-2, atol=1e-4)
    assert not torch.equal(fused, written_out)


def test_another_error_is_not_swallowed() -> None:
    given = HandCapture(rectified(1, 4, 4, 5), back=smooth())

    def fails(a: Tensor) -> Tensor:
        raise RuntimeError("out of memory")

    given.back = fails
    with pytest.raises(RuntimeError, match="out of memory"):
        SHAPLEYCAM.maps(given, LAYER)


def test_attention_is_differentiated_twice() -> None:
    def attend(a: Tensor) -> Tensor:
        tokens = a.flatten(2).mT[:, None].contiguous()  # the only layout of the fused kernels
        return F.scaled_dot_product_attention(tokens, tokens, tokens).mean((1, 2))

    def plainly(a: Tensor) -> Tensor:
        tokens = a.flatten(2).mT
        return ((tokens @ tokens.mT / 8**0.5).softmax(2) @ tokens).mean(1)

    act = signed(2, 8, 3, 3)
    torch.testing.assert_close(
        SHAPLEYCAM.maps(HandCapture(act, back=attend), LAYER),
        SHAPLEYCAM.maps(HandCapture(act, back=plainly), LAYER),
    )


def test_no_more_examples_than_fit_run_in_one_batch() -> None:
    act, targets = rectified(5, 4, 4, 5), torch.tensor([0, 1, 2, 1, 0])
    whole = HandCapture(act, back=smooth(), targets=targets)
    parts = HandCapture(act, back=smooth(), targets=targets, at_once=2)
    torch.testing.assert_close(SHAPLEYCAM.maps(parts, LAYER), SHAPLEYCAM.maps(whole, LAYER))
    assert parts.sizes == [2, 2, 1]
    with torch.no_grad():
        torch.testing.assert_close(SHAPLEYCAM.maps(whole, LAYER), SHAPLEYCAM.maps(parts, LAYER))


def test_pytorch_grad_cam_agrees() -> None:
    front, back = (
        nn.Conv2d(3, 4, 3, padding=1).double(),
        nn.Sequential(
            nn.Conv2d(4, 6, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)
        ).double(),
    )
    x = pictures(1)
    given = HandCapture(front(x).detach(), back=back, targets=torch.tensor([1]))
    theirs = jacobgils(pytorch_grad_cam.ShapleyCAM, nn.Sequential(front, back), x, "0", 1)
    torch.testing.assert_close(as_shown(SHAPLEYCAM.maps(given, LAYER)), theirs, rtol=1e-4, atol=1e-5)
