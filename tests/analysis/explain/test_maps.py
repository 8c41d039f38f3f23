"""Maps of several methods at several layers, and the reason for each map that cannot be made."""

from __future__ import annotations

import pytest
import torch
import torchvision.models as zoo

from analysis.explain import METHODS, explain, stage_layers, trace
from analysis.explain.errors import ExplainError, HeadError, InnerLayerError, LayerError, UnknownNameError
from analysis.explain.trace import capture
from tests.analysis.explain.networks import GradientModes, SideBranch, classifier, pictures


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


def test_methods_without_gradients_record_no_graph() -> None:
    net, listener = classifier(), GradientModes()
    net[1].insert(4, listener)
    explain(net, pictures(), ["0.6"], ["cam"])
    assert listener.enabled
    assert not any(listener.enabled)
    explain(net, pictures(), ["0.6"], ["cam", "gradcam"])
    assert listener.enabled[-1]


def test_one_name_may_stand_alone() -> None:
    result = explain(classifier(), pictures(), "0.6", "cam")
    assert set(result.maps) == {("0.6", "cam")}


def test_errors_say_what_to_do_instead() -> None:
    net, x = classifier(), pictures()
    with pytest.raises(
        UnknownNameError, match=r"unknown method 'gradcamm'. Did you mean 'gradcam'.*The methods are cam,"
    ):
        explain(net, x, ["0.6"], ["gradcamm"])
    with pytest.raises(ExplainError, match="at least one method"):
        explain(net, x, ["0.6"], [])
    with pytest.raises(ExplainError, match="precision 'fp8' is not offered; use one of fp32, bf16"):
        explain(net, x, ["0.6"], ["cam"], precision="fp8")
    with pytest.raises(HeadError, match="linear probe"):
        explain(net, x, ["0.2"], ["cam"])


@pytest.mark.parametrize("kept", [False, True])
def test_cam_at_inner_layers_is_left_out_with_the_reason(kept: bool) -> None:
    net, x, layers, methods = classifier(), pictures(), ["0.2", "0.3", "0.6"], ["cam", "gradcam"]
    result = trace(net, x, layers).explain(methods) if kept else explain(net, x, layers, methods)
    assert list(result.maps) == [("0.2", "gradcam"), ("0.3", "gradcam"), ("0.6", "cam"), ("0.6", "gradcam")]
    assert list(result.refused) == [("0.2", "cam"), ("0.3", "cam")]
    assert "no CAM at '0.2'" in result.refused["0.2", "cam"]
    alone = explain(net, x, ["0.6"], ["cam"])
    torch.testing.assert_close(result.maps["0.6", "cam"], alone.maps["0.6", "cam"])
    assert alone.refused == {}


def test_a_refusal_is_raised_where_no_map_is_left() -> None:
    net, x = classifier(), pictures()
    with pytest.raises(InnerLayerError, match=r"no CAM at '0\.2'"):
        explain(net, x, ["0.2"], ["cam"])
    with pytest.raises(InnerLayerError, match=r"cam at '0\.2': no CAM at .* cam at '0\.3': no CAM at '0\.3'"):
        explain(net, x, ["0.2", "0.3"], ["cam"])
    with pytest.raises(ExplainError, match=r"cam at '0\.2'.*probecam at '0\.2': no linear probe") as mixed:
        trace(net, x, ["0.2"]).explain(["cam", "probecam"])
    assert not isinstance(mixed.value, HeadError)


def test_a_layer_without_a_map_leaves_the_others() -> None:
    net, x = classifier(), pictures()
    result = explain(net, x, ["1.2", "0.6"], ["gradcam", "eigencam"])
    assert list(result.maps) == [("0.6", "gradcam"), ("0.6", "eigencam")]
    assert list(result.refused) == [("1.2", "gradcam"), ("1.2", "eigencam")]
    assert "(BatchNorm1d) has no map" in result.refused["1.2", "gradcam"]
    kept = trace(net, x, ["1.2", "0.6"])
    assert kept.explain(["gradcam"]).refused == {("1.2", "gradcam"): result.refused["1.2", "gradcam"]}
    for question in (lambda: kept.capture(), lambda: kept.every_class("1.2", "gradcam")):
        with pytest.raises(LayerError, match="has no map"):
            question()
    with pytest.raises(LayerError, match=r"'1\.2' .*has no map.*'1\.4' .*has no map"):
        explain(net, x, ["1.2", "1.4"], ["gradcam"])


def test_a_layer_that_no_gradient_reaches_leaves_the_others() -> None:
    net, x = SideBranch().eval(), pictures()
    methods = ["gradcam", "finercam", "smoothgradcam++", "ablationcam"]
    result = explain(net, x, ["side.6", "main.6"], methods)
    assert list(result.refused) == [("side.6", method) for method in methods[:-1]]
    assert all("no gradient reaches layer 'side.6'" in reason for reason in result.refused.values())
    assert list(result.maps) == [("side.6", "ablationcam"), *(("main.6", method) for method in methods)]
    alone = explain(net, x, ["main.6"], methods)
    for pair in alone.maps:
        torch.testing.assert_close(result.maps[pair], alone.maps[pair])
    record = capture(net, x, ["side.6", "main.6"])
    torch.testing.assert_close(record.gradients["main.6"], capture(net, x, ["main.6"]).gradients["main.6"])
    with pytest.raises(LayerError, match=r"no gradient reaches layer 'side\.6'"):
        record.gradients["side.6"]
