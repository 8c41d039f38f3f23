"""The report of one image: which CAM each layer gets, the maps of other methods, and their costs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from analysis.explain import explain
from analysis.explain.errors import ExplainError, UnknownNameError
from analysis.explain.measures import measure
from analysis.explain.measures.fusion import fuse
from analysis.explain.methods import METHODS
from analysis.explain.probe import Probe
from analysis.explain.report.layers import LayerReport, fused_maps, layer_report, map_numbers, method_maps
from analysis.explain.report.picture import TracedImage
from analysis.explain.trace import capture
from tests.analysis.explain.networks import classifier, pictures

NAMES = ("bear", "cat", "dog")
IMAGE = np.zeros((8, 8, 3), np.uint8)


def net() -> nn.Sequential:
    return classifier(dtype=torch.float32)


def picture() -> torch.Tensor:
    return pictures(1, 8, 8, dtype=torch.float32)


def probe(channels: int, classes: int = 3) -> Probe:
    rng = np.random.default_rng(channels)
    return Probe(
        rng.normal(size=(classes, channels)).astype(np.float32), np.zeros(classes, np.float32), accuracy=0.875
    )


def report_of(
    model: nn.Module, target=None, methods=("cam", "gradcam"), probes=None, layers=None, **masks
) -> LayerReport:
    traced = TracedImage(model, picture(), probes, layers)
    return layer_report(traced, IMAGE, NAMES, target, methods, **masks)


@pytest.mark.parametrize(("target", "label"), [(2, "dog"), ((2, 1), "dog rather than cat")])
def test_each_layer_gets_the_best_cam_there_is(target, label: str) -> None:
    x, mask, shortcut = picture(), np.eye(8, dtype=bool), np.tri(8, dtype=bool)
    report = report_of(net(), target, probes={"0.3": probe(4)}, mask=mask, shortcut=shortcut)
    assert (report.target, report.target_label, report.class_names) == (target, label, NAMES)
    assert report.places == {"animal": mask, "shortcut": shortcut}
    stem, pool, last = report.rows
    assert [row.layer.name for row in report.rows] == ["0.2", "0.3", "0.6"]
    assert [row.maps["cam"].kind for row in report.rows] == ["none", "probe", "exact"]
    assert [row.label for row in report.rows] == [
        "Stage 1 · 4 × 8 × 8",
        "Stage 2 · 4 × 4 × 4",
        "Stage 3 · 6 × 4 × 4",
    ]
    expected = explain(net(), x, ["0.2", "0.3", "0.6"], ["gradcam"], target).maps
    for row in report.rows:
        gradcam = row.maps["gradcam"]
        np.testing.assert_allclose(gradcam.values, expected[row.layer.name, "gradcam"][0], rtol=1e-5)
        assert gradcam.numbers == map_numbers(gradcam.values, {"animal": mask, "shortcut": shortcut})

    assert stem.maps["cam"].values is stem.maps["cam"].certificate is stem.probe_accuracy is None
    assert stem.agreement == {}
    assert stem.maps["cam"].title == "CAM (none here)"
    assert "no class weights" in stem.maps["cam"].note

    activation = capture(net(), x, ["0.3"], gradients=False).activations["0.3"][0].numpy()
    cam = pool.maps["cam"]
    np.testing.assert_allclose(cam.values, probe(4).cam(activation, target), rtol=1e-4)
    assert (pool.probe_accuracy, cam.certificate) == (0.875, None)
    assert cam.title == "CAM of a linear probe (accuracy 0.88)"
    assert "87.5%" in cam.note
    assert pool.agreement == {"gradcam": measure(map=pool.maps["gradcam"].values, reference=cam.values)}

    cam = last.maps["cam"]
    np.testing.assert_allclose(
        cam.values, explain(net(), x, ["0.6"], ["cam"], target).maps["0.6", "cam"][0], rtol=1e-4
    )
    assert cam.title == "CAM (exact)"
    assert last.agreement["gradcam"]["correlation"] == pytest.approx(1)
    logit = report.logits[2] if target == 2 else report.logits[2] - report.logits[1]
    assert cam.certificate.kind == "exact"
    assert cam.certificate.logit == pytest.approx(logit, rel=1e-5)
    assert abs(cam.certificate.residual) < 1e-5


def test_the_report_carries_the_picture_and_the_probabilities() -> None:
    x = picture()
    report = report_of(net())
    logits = net()(x)[0].detach()
    np.testing.assert_allclose(report.logits, logits, rtol=1e-4)
    np.testing.assert_allclose(report.probabilities, logits.softmax(0), rtol=1e-4)
    assert report.target == int(logits.argmax())
    assert report.image is IMAGE
    assert report.mask is report.shortcut is None
    assert report.rows[0].maps["cam"].kind == report.rows[1].maps["cam"].kind == "none"


def test_only_the_requested_layers() -> None:
    assert [row.layer.name for row in report_of(net(), 0, layers=["0.4"]).rows] == ["0.4"]


def test_every_method_stands_beside_the_others_in_the_chosen_order() -> None:
    methods = ("hirescam", "gradcam", "eigencam", "ablationcam", "cam")
    report = report_of(net(), (2, 0), methods)
    assert report.methods == methods
    assert report.reference == "cam"
    expected = explain(net(), picture(), ["0.2", "0.3", "0.6"], methods[:-1], (2, 0)).maps
    for row in report.rows:
        assert tuple(row.maps) == methods
        for name in methods[:-1]:
            assert row.maps[name].title == METHODS[name].title
            np.testing.assert_allclose(
                row.maps[name].values, expected[row.layer.name, name][0], rtol=1e-3, atol=1e-6
            )
    assert set(report.rows[-1].agreement) == {"hirescam", "gradcam", "eigencam", "ablationcam"}
    assert report_of(net(), 0, ("layercam", "gradcam")).reference == "layercam"


def test_a_method_that_refuses_a_layer_says_why_and_the_others_go_on() -> None:
    report = report_of(net(), 0, ("probecam", "gradcam"), probes={"0.6": probe(6)})
    stem, _, last = report.rows
    assert stem.maps["probecam"].values is None
    assert "no linear probe for layer '0.2'" in stem.maps["probecam"].note
    assert stem.maps["gradcam"].values is not None
    assert last.maps["probecam"].values is not None


def test_where_no_gradient_arrives_only_gradient_methods_refuse() -> None:
    class Detached(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = net()[0], net()[1]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.body(x).detach())

    methods = ("gradcam", "shapleycam", "fullgrad", "eigencam")
    row = report_of(Detached(), 0, methods, layers=["body.6"]).rows[0]
    assert all("no gradient reaches" in row.maps[name].note for name in methods[:-1])
    assert row.maps["eigencam"].values is not None


def test_costs_name_every_pass_once_and_a_second_class_comes_from_the_kept_pass() -> None:
    traced = TracedImage(net(), picture())
    first = layer_report(traced, IMAGE, NAMES, 0, ("cam", "gradcam"))
    assert [cost.part for cost in first.costs] == ["forward", "backward", "cam", "gradcam"]
    assert all(cost.ms > 0 and cost.forwards > 0 for cost in first.costs)
    second = layer_report(traced, IMAGE, NAMES, 1, ("gradcam",))
    assert [cost.part for cost in second.costs] == ["backward", "gradcam"]
    assert second.setup is first.setup
    again = layer_report(traced, IMAGE, NAMES, 0, ("hirescam",))
    assert [cost.part for cost in again.costs] == ["forward", "backward", "hirescam"]


def test_a_stopped_method_keeps_its_layers_and_goes_on_from_there() -> None:
    score = TracedImage(net(), picture()).score(0)
    calls: list[tuple] = []
    parts = list(method_maps(score, "ablationcam", progress=lambda *numbers: calls.append(numbers)))
    assert [list(part.maps) for part in parts] == [["0.6"], ["0.6", "0.3"], ["0.6", "0.3", "0.2"]]
    assert calls[0][:3] == ("ablationcam", 0, 3)
    assert calls[-1] == ("ablationcam", 2, 3, 4, 4)

    def stop(_method: str, done: int, *_rest: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    parts_so_far = []
    with pytest.raises(KeyboardInterrupt):
        for part in method_maps(score, "ablationcam", progress=stop):
            parts_so_far.append(part)
    (first,) = parts_so_far
    rest = list(method_maps(score, "ablationcam", done=first))
    assert len(rest) == 2
    for name, found in parts[-1].maps.items():
        np.testing.assert_allclose(rest[-1].maps[name].values, found.values, rtol=1e-5)
    assert rest[-1].cost.ms > first.cost.ms


def test_maps_that_are_not_there_yet_have_a_note() -> None:
    traced = TracedImage(net(), picture())
    first = next(method_maps(traced.score(0), "ablationcam"))
    report = layer_report(traced, IMAGE, NAMES, 0, ("scorecam", "ablationcam"), maps={"ablationcam": first})
    stem, _, last = report.rows
    assert stem.maps["ablationcam"].note == stem.maps["scorecam"].note == "Not computed yet."
    assert last.maps["ablationcam"].values is not None
    assert last.maps["scorecam"].values is None


def test_fused_maps_are_the_layers_each_divided_by_its_largest_value() -> None:
    report = report_of(net(), 0, ("gradcam", "cam"))
    layers = [torch.from_numpy(row.maps["gradcam"].values)[None] for row in report.rows]
    scaled = [values / values.abs().max() for values in layers]
    fused = fused_maps(report, "gradcam")
    assert [found.values.shape for found in fused] == [(8, 8)] * 3
    for found, how in zip(fused, ("mean", "max", "tanh"), strict=True):
        np.testing.assert_allclose(found.values, fuse(scaled, how)[0], rtol=1e-5, atol=1e-7)
    assert fused_maps(report, "cam") == ()  # one layer has a CAM


def test_a_module_called_twice_says_which_call_is_shown() -> None:
    relu = nn.ReLU()
    body = nn.Sequential(nn.Conv2d(3, 4, 3), relu, nn.Conv2d(4, 6, 3), relu)
    model = nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))
    first, shared = report_of(model, 0, layers=["0.0", "0.1"]).rows
    assert "called 2 times" in shared.note
    assert shared.maps["cam"].kind == "exact"
    assert "called" not in first.note


def test_what_does_not_fit_is_refused() -> None:
    traced = TracedImage(net(), picture(), {"0.3": probe(5)})
    with pytest.raises(ExplainError, match="2 class names"):
        layer_report(traced, IMAGE, NAMES[:2], 0)
    with pytest.raises(UnknownNameError, match="Did you mean 'gradcam'"):
        layer_report(traced, IMAGE, NAMES, 0, ("gradcm",))
    with pytest.raises(ExplainError, match="class 3 is out of range"):
        layer_report(traced, IMAGE, NAMES, 3)
    refused = layer_report(traced, IMAGE, NAMES, 0).rows[1].maps["cam"]
    assert (refused.values, refused.kind) == (None, "none")
    assert "fit the probes again" in refused.note
