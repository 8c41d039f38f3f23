"""Ablation-CAM against the arithmetic of a linear head, a loop over hooks, captum and pytorch-grad-cam."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from analysis.explain.methods.ablationcam import ABLATIONCAM
from tests.analysis.explain.networks import classifier, pictures
from tests.analysis.explain.perturbing import layer_capture, replaced


def one_by_one(net: nn.Module, x: torch.Tensor, layer: str, score) -> torch.Tensor:
    """The definition: the whole network again for each channel, a hook taking that channel away."""
    activation = []
    with replaced(net, layer, lambda output: activation.append(output.clone()) or output):
        whole = score(net(x))
    weights = []
    for channel in range(activation[0].shape[1]):
        keep = torch.ones(activation[0].shape[1], dtype=x.dtype)
        keep[channel] = 0
        with replaced(net, layer, lambda output, keep=keep: output * keep[:, None, None]):
            weights.append(whole - score(net(x)))
    return torch.einsum("cb,bchw->bhw", torch.stack(weights), activation[0])


def test_under_an_average_pool_and_a_linear_head_each_channel_weighs_its_share_of_the_score() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)).double()
    x = pictures()
    with torch.no_grad():
        act, weight, bias = net[0](x), net[3].weight, net[3].bias
    for cls in range(3):
        share = weight[cls] * act.mean((2, 3))
        maps = ABLATIONCAM.maps(layer_capture(net, x, "0", cls), "0")
        torch.testing.assert_close(maps, torch.einsum("bc,bchw->bhw", share, act))
        torch.testing.assert_close(share.sum(1) + bias[cls], layer_capture(net, x, "0", cls).scores())


@pytest.mark.parametrize("layer", ["0.1", "0.4", "0.6"])
def test_a_loop_over_the_channels_through_the_whole_network(layer: str) -> None:
    net, x = classifier(inplace=False), pictures()
    for targets, score in (
        (2, lambda logits: logits[:, 2]),
        (
            (torch.tensor([0, 1]), torch.tensor([2, 0])),
            lambda logits: logits[[0, 1], [0, 1]] - logits[[0, 1], [2, 0]],
        ),
    ):
        maps = ABLATIONCAM.maps(layer_capture(net, x, layer, targets), layer)
        torch.testing.assert_close(maps, one_by_one(net, x, layer, score), rtol=1e-9, atol=1e-12)


def test_the_map_of_an_unlikely_class_is_not_turned_over() -> None:
    """With the paper's division a map and its negative score would swap signs; (a, b) is minus (b, a) here."""
    net, x = classifier(), pictures()
    forth, back = (ABLATIONCAM.maps(layer_capture(net, x, "0.6", pair), "0.6") for pair in ((0, 1), (1, 0)))
    torch.testing.assert_close(forth, -back)


def test_captum_takes_the_same_from_the_score() -> None:
    attr = pytest.importorskip("captum.attr")
    net, x = classifier(inplace=False), pictures()
    capture = layer_capture(net, x, "0.4", 1)
    channels = torch.arange(6)[None, :, None, None].expand(1, 6, 4, 5)
    lost = attr.LayerFeatureAblation(net, net[0][4]).attribute(x, target=1, layer_mask=channels)
    expected = torch.einsum("bc,bchw->bhw", lost[:, :, 0, 0], capture.activations["0.4"])
    torch.testing.assert_close(ABLATIONCAM.maps(capture, "0.4"), expected.to(x), rtol=1e-9, atol=1e-12)


def test_pytorch_grad_cam_agrees_up_to_its_division_by_the_score() -> None:
    peer = pytest.importorskip("pytorch_grad_cam")
    net, x = classifier(inplace=False, dtype=torch.float32), pictures(dtype=torch.float32)
    layer = "0.5"
    capture = layer_capture(net, x, layer, 2)
    with peer.AblationCAM(net, [net[0][5]]) as theirs:
        weights = theirs.get_cam_weights(
            x, net[0][5], [lambda logits: logits[2]] * 2, capture.activations[layer].numpy(), None
        )
    expected = torch.einsum(
        "bc,bchw->bhw", torch.tensor(weights) * capture.scores()[:, None], capture.activations[layer]
    )
    torch.testing.assert_close(ABLATIONCAM.maps(capture, layer), expected, rtol=1e-4, atol=1e-5)
