"""The report of one image: which CAM each layer gets, with what note, certificate and numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from explain.networks import classifier, pictures
from torch import nn

from analysis.explain import explain
from analysis.explain.agreement import agreement
from analysis.explain.capture import capture
from analysis.explain.errors import ExplainError
from analysis.explain.probe import Probe
from analysis.explain.report import layer_report

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


@pytest.mark.parametrize(("target", "label"), [(2, "dog"), ((2, 1), "dog rather than cat")])
def test_each_layer_gets_the_most_truthful_cam_there_is(target, label: str) -> None:
    x, mask, shortcut = picture(), np.eye(8, dtype=bool), np.tri(8, dtype=bool)
    report = layer_report(net(), x, IMAGE, NAMES, target, {"0.3": probe(4)}, mask, shortcut)
    assert (report.target, report.target_label, report.class_names) == (target, label, NAMES)
    stem, pool, last = report.rows
    assert [row.layer.name for row in report.rows] == ["0.2", "0.3", "0.6"]
    assert [row.cam_kind for row in report.rows] == ["none", "probe", "exact"]
    assert [row.label for row in report.rows] == [
        "Stage 1 · 4 × 8 × 8",
        "Stage 2 · 4 × 4 × 4",
        "Stage 3 · 6 × 4 × 4",
    ]
    expected = explain(net(), x, ["0.2", "0.3", "0.6"], ["gradcam"], target).maps
    for row in report.rows:
        np.testing.assert_allclose(row.gradcam, expected[row.layer.name, "gradcam"][0], rtol=1e-5)

    assert stem.cam is stem.certificate is stem.agreement is stem.probe_accuracy is None
    assert "no class weights" in stem.cam_note

    activation = capture(net(), x, ["0.3"], gradients=False).activations["0.3"][0].numpy()
    np.testing.assert_allclose(pool.cam, probe(4).cam(activation, target), rtol=1e-5)
    assert (pool.probe_accuracy, pool.certificate) == (0.875, None)
    assert "87.5%" in pool.cam_note
    assert pool.agreement == agreement(pool.cam, pool.gradcam, mask, shortcut)

    cam = explain(net(), x, ["0.6"], ["cam"], target).maps["0.6", "cam"][0]
    np.testing.assert_allclose(last.cam, cam, rtol=1e-5)
    assert last.agreement.correlation == pytest.approx(1)
    logit = report.logits[2] if target == 2 else report.logits[2] - report.logits[1]
    assert last.certificate.kind == "exact"
    assert last.certificate.logit == pytest.approx(logit)
    assert abs(last.certificate.residual) < 1e-5


def test_the_report_carries_the_picture_and_the_probabilities() -> None:
    x = picture()
    report = layer_report(net(), x, IMAGE, NAMES, None)
    logits = net()(x)[0].detach()
    np.testing.assert_allclose(report.logits, logits, rtol=1e-5)
    np.testing.assert_allclose(report.probabilities, logits.softmax(0), rtol=1e-5)
    assert report.target == int(logits.argmax())
    assert report.image is IMAGE
    assert report.mask is report.shortcut is report.rows[-1].agreement.mask_share is None
    assert report.rows[0].cam_kind == report.rows[1].cam_kind == "none"


def test_only_the_layers_asked_for() -> None:
    report = layer_report(net(), picture(), IMAGE, NAMES, 0, layers=["0.4"])
    assert [row.layer.name for row in report.rows] == ["0.4"]


def with_head(*head: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(net()[0], nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *head)).eval()


def test_a_head_with_hidden_units_gets_the_books_cam_and_its_residual() -> None:
    model = with_head(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))
    row = layer_report(model, picture(), IMAGE, NAMES, 1, {"0.6": probe(6)}).rows[-1]
    assert row.cam_kind == row.certificate.kind == "book"
    assert "approximation" in row.cam_note
    expected = explain(model, picture(), ["0.6"], ["bookcam"], 1).maps["0.6", "bookcam"][0]
    np.testing.assert_allclose(row.cam, expected, rtol=1e-5)
    assert abs(row.certificate.residual) > 1e-3


def test_a_module_called_twice_says_which_call_is_shown() -> None:
    relu = nn.ReLU()
    body = nn.Sequential(nn.Conv2d(3, 4, 3), relu, nn.Conv2d(4, 6, 3), relu)
    model = nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))
    first, shared = layer_report(model, picture(), IMAGE, NAMES, 0, layers=["0.0", "0.1"]).rows
    assert "called 2 times" in shared.cam_note
    assert shared.cam_kind == "exact"
    assert "called" not in first.cam_note


def test_a_head_without_any_cam_gets_the_probes_or_the_reason() -> None:
    model = with_head(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 3))
    row = layer_report(model, picture(), IMAGE, NAMES, 1).rows[-1]
    assert (row.cam, row.cam_kind) == (None, "none")
    assert "9 weights a class" in row.cam_note
    _, inner, row = layer_report(model, picture(), IMAGE, NAMES, 1, {"0.3": probe(4), "0.6": probe(6)}).rows
    assert row.cam_kind == inner.cam_kind == "probe"
    assert "87.5%" in row.cam_note
    assert "9 weights a class, but layer '0.6' has 6 channels" in row.cam_note
    assert "no class weights" not in inner.cam_note


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ExplainError, match="batch of 2"):
        layer_report(net(), pictures(2, dtype=torch.float32), IMAGE, NAMES, 0)
    with pytest.raises(ExplainError, match="2 class names"):
        layer_report(net(), picture(), IMAGE, NAMES[:2], 0)
    with pytest.raises(ExplainError, match="fit the probes again"):
        layer_report(net(), picture(), IMAGE, NAMES, 0, {"0.3": probe(5)})


def test_a_layer_norm_before_the_last_linear_is_not_taken_for_hidden_units() -> None:
    model = with_head(nn.LayerNorm(6), nn.Linear(6, 3))
    row = layer_report(model, picture(), IMAGE, NAMES, 1).rows[-1]
    assert (row.cam, row.cam_kind) == (None, "none")
    assert "LayerNorm lies" in row.cam_note
    row = layer_report(model, picture(), IMAGE, NAMES, 1, {"0.6": probe(6)}).rows[-1]
    assert row.cam_kind == "probe"
    assert "LayerNorm lies" in row.cam_note
