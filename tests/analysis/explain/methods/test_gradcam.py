"""Grad-CAM against captum's hand-computed network, captum itself, torch-cam, and the definition."""

from __future__ import annotations

import pytest
import torch
import torchvision.models as zoo

from analysis.explain.methods.gradcam import GRADCAM
from analysis.explain.trace import capture
from tests.analysis.explain.networks import CaptumNet, classifier, pictures, split

# captum's tests work these out on paper; the weights stand in CaptumNet.
BY_HAND = {
    "conv1": [[11.25, 13.5], [20.25, 22.5]],
    "relu1": [[0.0, 4.0], [28.0, 32.5]],
}


def gradcam_of_captum_net(layer: str, x: torch.Tensor, inplace: bool = True) -> torch.Tensor:
    return GRADCAM.maps(capture(CaptumNet(inplace), x, [layer], 0), layer)[0]


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("layer", BY_HAND)
def test_the_small_network_computed_by_hand(layer: str, inplace: bool) -> None:
    x = torch.arange(16.0).view(1, 1, 4, 4)
    torch.testing.assert_close(gradcam_of_captum_net(layer, x, inplace), torch.tensor(BY_HAND[layer]))


def test_captums_published_numbers() -> None:
    """Compare with tests/attr/layer/test_grad_cam.py of captum (BSD-3), at commit faac0877."""
    x = torch.arange(16.0).view(1, 1, 4, 4)
    shifted = gradcam_of_captum_net("conv1", x + torch.ones_like(x))
    torch.testing.assert_close(shifted, torch.tensor([[14.5, 19.0], [32.5, 37.0]]))
    record = capture(CaptumNet(), x, ["conv1"], 0)
    by_channel = record.gradients["conv1"].mean((2, 3), keepdim=True) * record.activations["conv1"]
    torch.testing.assert_close(
        by_channel[0], torch.tensor([[[-3.75, 3.0], [23.25, 30.0]], [[15.0, 10.5], [-3.0, -7.5]]])
    )


def test_the_definition_on_a_network_cut_in_two() -> None:
    x = pictures()
    front, back = split(classifier(inplace=False), 1)
    act = front(x).detach().requires_grad_()
    (grad,) = torch.autograd.grad(back(act)[:, 2].sum(), act)
    expected = torch.einsum("bc,bchw->bhw", grad.mean((2, 3)), act.detach())
    maps = GRADCAM.maps(capture(classifier(), x, ["0.1"], 2), "0.1")
    torch.testing.assert_close(maps, expected)
    assert (maps < 0).any()
    assert (maps > 0).any()


def test_the_contrast_is_the_difference_of_the_two_maps() -> None:
    net, x = classifier(), pictures()
    first, second, contrast = (
        GRADCAM.maps(capture(net, x, ["0.1"], targets), "0.1") for targets in (2, 0, (2, 0))
    )
    torch.testing.assert_close(contrast, first - second)


ZOO = {
    "resnet18": ["layer1", "layer3"],
    "vgg11_bn": ["features.7", "features.28"],
    "densenet121": ["features.denseblock3"],
    "mobilenet_v2": ["features.6", "features.18"],
    "mobilenet_v3_small": ["features.6", "features.12"],
    "efficientnet_b0": ["features.3", "features.8"],
    "convnext_tiny": ["features.3", "features.7"],
}


@pytest.mark.parametrize("name", ZOO)
def test_captum_agrees_on_torchvision_networks(name: str) -> None:
    attr = pytest.importorskip("captum.attr")
    torch.manual_seed(0)
    model = getattr(zoo, name)(weights=None, num_classes=5)
    x, targets = torch.randn(2, 3, 64, 64), torch.tensor([1, 4])
    model.train()(x)  # so that the activations are of a size that a wrong map shows in
    record = capture(model.requires_grad_(False), x, ZOO[name], targets)
    model.requires_grad_(True).eval()
    for layer in ZOO[name]:
        expected = attr.LayerGradCam(model, model.get_submodule(layer)).attribute(x, targets)[:, 0].detach()
        scale = expected.abs().max().item()
        assert scale > 0
        torch.testing.assert_close(GRADCAM.maps(record, layer), expected, rtol=1e-3, atol=1e-4 * scale)


def test_torchcam_agrees_on_the_positive_part() -> None:
    methods = pytest.importorskip("torchcam.methods")
    torch.manual_seed(0)
    model, x = zoo.resnet18(weights=None, num_classes=5).eval(), torch.randn(1, 3, 64, 64)
    with methods.GradCAM(model, ["layer2", "layer3"]) as extractor:
        expected = extractor(3, model(x), normalized=False)
    record = capture(model, x, ["layer2", "layer3"], 3)
    for layer, theirs in zip(["layer2", "layer3"], expected, strict=True):
        torch.testing.assert_close(GRADCAM.maps(record, layer).clamp(min=0), theirs.detach(), rtol=1e-4, atol=1e-8)
