"""A method that cannot be used at a layer does not stop the others; the reason is raised where nothing is left."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from analysis.explain import explain, trace
from analysis.explain.engine.gradients import Gradients
from analysis.explain.errors import ExplainError, HeadError, InnerLayerError, LayerError, UnknownNameError
from analysis.explain.trace import capture
from tests.analysis.explain.networks import classifier, pictures


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


def test_what_is_refused_alone_is_raised() -> None:
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


class SideBranch(nn.Module):
    """A second branch whose output is detached before the logits read it."""

    def __init__(self) -> None:
        super().__init__()
        self.main, self.side = (classifier()[0] for _ in range(2))
        self.fc = nn.Linear(6, 3).double()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc((self.main(x) + self.side(x).detach()).mean((2, 3)))


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


def test_every_class_without_a_gradient_is_refused_in_words() -> None:
    net = SideBranch().eval()
    for count in (1, 2):
        with pytest.raises(LayerError, match=r"no gradient reaches layer 'side\.6'"):
            trace(net, pictures(count), ["side.6"]).every_class("side.6", "gradcam")


def test_an_unknown_name_or_a_wrong_target_is_raised_whatever_else_there_is() -> None:
    net, x = classifier(), pictures()
    with pytest.raises(UnknownNameError):
        explain(net, x, ["0.6", "0.66"], ["gradcam"])
    with pytest.raises(UnknownNameError):
        explain(net, x, ["0.6"], ["gradcam", "gradcm"])
    with pytest.raises(ExplainError, match="class 3 is out of range"):
        explain(net, x, ["0.6"], ["gradcam", "eigencam"], 3)


def test_a_gradient_that_nobody_asked_for_says_so() -> None:
    with pytest.raises(LayerError, match=r"no gradient was asked for at layer '0\.6'"):
        Gradients()["0.6"]
