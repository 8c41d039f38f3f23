"""Smooth Grad-CAM++ against its definition on a network cut in two, and against torch-cam."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from analysis.explain.methods import smoothgradcampp as module
from analysis.explain.methods.gradcampp import GRADCAMPP
from analysis.explain.methods.smoothgradcampp import SMOOTHGRADCAMPP
from tests.analysis.explain.networks import classifier, pictures, split
from tests.analysis.explain.perturbing import layer_capture


def noises(channels: int, height: int, width: int) -> torch.Tensor:
    return 0.3 * torch.randn(4, channels, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("at", [1, 6])
def test_the_definition_cell_by_cell(at: int) -> None:
    x = pictures(count=2)
    front, back = split(classifier(inplace=False), at)
    total = front(x).detach()
    gradients = []
    for noise in noises(3, 8, 10):
        act = front(x + noise).detach().requires_grad_()
        score = back(act)[0, 2] - back(act)[0, 1] + back(act)[1, 0] - back(act)[1, 2]
        gradients.append(torch.autograd.grad(score, act)[0])
    expected = torch.zeros_like(total[:, 0])
    for image in range(2):
        for channel in range(total.shape[1]):
            values = torch.stack([gradient[image, channel] for gradient in gradients])
            mass, weight = max(0.0, total[image, channel].sum().item()), 0.0
            for cell in values.flatten(1).T.tolist():
                d1, d2, d3 = (sum(value**power for value in cell) / 4 for power in (1, 2, 3))
                if d1 > 0:
                    weight += d2 / (2 * d2 + mass * max(0.0, d3)) * d1
            expected[image] += weight * total[image, channel]
    capture = layer_capture(classifier(), x, f"0.{at}", (torch.tensor([2, 0]), torch.tensor([1, 2])))
    torch.testing.assert_close(SMOOTHGRADCAMPP.maps(capture, f"0.{at}"), expected)


def test_without_noise_it_is_gradcampp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIGMA", 0.0)
    capture = layer_capture(classifier(), pictures(), "0.6", 1)
    torch.testing.assert_close(SMOOTHGRADCAMPP.maps(capture, "0.6"), GRADCAMPP.maps(capture, "0.6"))


def test_more_images_than_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    capture = layer_capture(classifier(), pictures(5), "0.6", 1)
    expected = SMOOTHGRADCAMPP.maps(capture, "0.6")
    monkeypatch.setattr(module, "IMAGE_BATCH", 2)
    torch.testing.assert_close(SMOOTHGRADCAMPP.maps(capture, "0.6"), expected)


def test_torchcams_weights_before_an_average_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the gradient is the same in all cells torch-cam's cell-by-cell sum is the paper's. One sample,
    because its relu sees only the last; weights, because its map has the noisy activation; large gradients,
    because it adds 1e-8 to the denominator."""
    peers = pytest.importorskip("torchcam.methods")
    monkeypatch.setattr(module, "SAMPLES", 1)
    torch.manual_seed(0)
    rest = nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)
    net, x = nn.Sequential(nn.Conv2d(3, 5, 3), *rest).eval(), torch.rand(1, 3, 9, 8)
    with torch.no_grad():
        net[-1].weight *= 100
    noise = 0.3 * torch.randn(1, 3, 9, 8, generator=torch.Generator().manual_seed(0))
    with peers.SmoothGradCAMpp(net, net[1], num_samples=1) as extractor:
        extractor._distrib.sample = lambda size: noise
        net(x)
        # their sum takes the activation of the picture they saw first, like ours
        (weights,) = extractor._get_weights(1)
    capture = layer_capture(net, x, "1", 1)
    expected = torch.einsum("bc,bchw->bhw", weights, capture.activations["1"])
    assert expected.abs().max() > 0
    torch.testing.assert_close(SMOOTHGRADCAMPP.maps(capture, "1"), expected, rtol=1e-4, atol=1e-5)


def test_a_negative_mean_cube_neither_turns_nor_blows_up_a_weight() -> None:
    """Gradients 1, 1, 1, -2 have the mean 1/4, squares 7/4, cubes -5/4: half of 1/4 is the weight then."""
    activation, first, second, third = (torch.full((1, 1, 1, 1), value) for value in (2.8, 0.25, 1.75, -1.25))
    assert module._weights(activation, first, second, third).item() == 0.125


def test_no_gradient_gives_no_map_and_no_nan() -> None:
    net = classifier()
    with torch.no_grad():
        net[1][4].weight[1] = 0
    assert (SMOOTHGRADCAMPP.maps(layer_capture(net, pictures(), "0.6", 1), "0.6") == 0).all()
