"""explain(): the contract of its arguments and of what it returns."""

from __future__ import annotations

import pytest
import torch
import torchvision.models as zoo

from analysis.explain import METHODS, explain, stage_layers
from analysis.explain.errors import ExplainError, HeadError, UnknownNameError
from analysis.explain.trace import capture
from tests.analysis.explain.networks import Listens, classifier, pictures


def test_maps_are_float32_signed_and_at_the_layers_resolution() -> None:
    net, x = classifier(), pictures()
    result = explain(net, x, ["0.1", "0.6"], ["gradcam"])
    assert set(result.maps) == {("0.1", "gradcam"), ("0.6", "gradcam")}
    assert result.maps["0.1", "gradcam"].shape == (2, 8, 10)
    assert result.maps["0.6", "gradcam"].shape == (2, 4, 5)
    assert all(maps.dtype == torch.float32 and not maps.requires_grad for maps in result.maps.values())
    assert result.logits.dtype == torch.float32
    torch.testing.assert_close(result.logits, net(x).float().detach())
    assert torch.equal(result.targets, result.logits.argmax(1))
    assert result.against is None
    assert (result.maps["0.1", "gradcam"] < 0).any()


def test_each_map_is_its_methods() -> None:
    net, x, targets = classifier(), pictures(), (torch.tensor([2, 1]), 0)
    result = explain(net, x, ["0.6", "0"], ["gradcam", "cam", "bookcam"], targets)
    record = capture(net, x, ["0.6"], targets)
    for name in ("gradcam", "cam", "bookcam"):
        method = METHODS[name]
        torch.testing.assert_close(result.maps["0.6", name], method.maps(record, "0.6").float())
        torch.testing.assert_close(result.maps["0", name], result.maps["0.6", name])
    assert torch.equal(result.targets, torch.tensor([2, 1]))
    assert torch.equal(result.against, torch.tensor([0, 0]))


@pytest.mark.parametrize("name", ["resnet34", "vgg11_bn", "mobilenet_v3_small", "convnext_tiny"])
def test_every_stage_of_a_frozen_network_in_train_mode_under_no_grad(name: str) -> None:
    model = getattr(zoo, name)(weights=None, num_classes=3).train().requires_grad_(False)
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        stages = stage_layers(model, x)
        result = explain(model, x, [info.name for info in stages], ["gradcam"])
    for info in stages:
        maps = result.maps[info.name, "gradcam"]
        assert maps.shape == (2, info.height, info.width)
        assert maps.isfinite().all()
        assert maps.abs().max() > 0


def test_methods_without_gradients_pay_for_none() -> None:
    net, listener = classifier(), Listens()
    net[1].insert(4, listener)
    explain(net, pictures(), ["0.6"], ["cam"])
    assert listener.heard
    assert not any(listener.heard)
    explain(net, pictures(), ["0.6"], ["cam", "gradcam"])
    assert listener.heard[-1]


def test_one_name_may_stand_alone() -> None:
    result = explain(classifier(), pictures(), "0.6", "cam")
    assert set(result.maps) == {("0.6", "cam")}


def test_the_bare_errors_name_the_cure() -> None:
    net, x = classifier(), pictures()
    with pytest.raises(
        UnknownNameError, match=r"unknown method 'gradcamm'. Did you mean 'gradcam'.*Known are cam,"
    ):
        explain(net, x, ["0.6"], ["gradcamm"])
    with pytest.raises(ExplainError, match="at least one method"):
        explain(net, x, ["0.6"], [])
    with pytest.raises(ExplainError, match="precision 'fp8' is not offered; use one of fp32, bf16"):
        explain(net, x, ["0.6"], ["cam"], precision="fp8")
    with pytest.raises(HeadError, match="linear probe"):
        explain(net, x, ["0.2"], ["cam"])
