"""One traced image: its scores, and which CAM each of its layers gets."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch
from torch import nn

from analysis.explain import explain
from analysis.explain.errors import ExplainError
from analysis.explain.probe import Probe
from analysis.explain.report.layers import layer_report
from analysis.explain.report.picture import MethodMap, TracedImage
from tests.analysis.explain.networks import classifier, pictures
from tests.analysis.explain.oracles import by_hand

NAMES = ("bear", "cat", "dog")
IMAGE = np.zeros((8, 8, 3), np.uint8)


def net() -> nn.Sequential:
    return classifier(dtype=torch.float32)


def picture() -> torch.Tensor:
    return pictures(1, 8, 8, dtype=torch.float32)


def probe(channels: int, classes: int = 3) -> Probe:
    rng = np.random.default_rng(channels)
    weight = rng.normal(size=(classes, channels)).astype(np.float32)
    return Probe(weight, np.zeros(classes, np.float32), accuracy=0.875)


def cam(model: nn.Module, layer: str = "0.6", probes: dict[str, Probe] | None = None) -> MethodMap:
    """The CAM of class 1 at a layer."""
    return TracedImage(model, picture(), probes).score(1).method_map("cam", layer)[0]


def with_head(*head: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(net()[0], nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *head)).eval()


def test_a_head_with_hidden_units_gets_the_books_cam_and_its_residual() -> None:
    model = with_head(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))
    last = cam(model, probes={"0.6": probe(6)})
    assert last.kind == last.certificate.kind == "book"
    assert "approximation" in last.note
    expected = explain(model, picture(), ["0.6"], ["bookcam"], 1).maps["0.6", "bookcam"][0]
    np.testing.assert_allclose(last.values, expected, rtol=1e-5)
    assert abs(last.certificate.residual) > 1e-3


def test_a_head_without_a_cam_gets_that_of_the_probe_or_the_reason() -> None:
    model = with_head(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 3))
    last = cam(model)
    assert (last.values, last.kind) == (None, "none")
    assert "9 weights a class" in last.note
    probes = {"0.3": probe(4), "0.6": probe(6)}
    inner, last = cam(model, "0.3", probes), cam(model, "0.6", probes)
    assert last.kind == inner.kind == "probe"
    assert "87.5%" in last.note
    assert "9 weights a class, but layer '0.6' has 6 channels" in last.note
    assert "no class weights" not in inner.note


def test_a_layer_norm_before_the_last_linear_does_not_count_as_hidden_units() -> None:
    model = with_head(nn.LayerNorm(6), nn.Linear(6, 3))
    last = cam(model)
    assert (last.values, last.kind) == (None, "none")
    assert "LayerNorm lies" in last.note
    last = cam(model, probes={"0.6": probe(6)})
    assert last.kind == "probe"
    assert "LayerNorm lies" in last.note


def test_other_classes_do_not_run_the_network_again() -> None:
    model = net()
    traced = TracedImage(model, picture())
    calls: list[int] = []
    traced._trace._pass.prepared.network.register_forward_pre_hook(lambda *_: calls.append(1))
    for target in (0, 1, (0, 2)):
        layer_report(traced, IMAGE, NAMES, target, ("cam", "gradcam", "layercam"))
    assert not calls


def test_a_score_has_the_gradients_of_plain_autograd_and_a_cost() -> None:
    image = TracedImage(net(), picture(), layers=["0.1", "0.6"])
    assert [(layer.name, layer.channels, layer.height, layer.width) for layer in image.layers] == [
        ("0.1", 4, 8, 8),
        ("0.6", 6, 4, 4),
    ]
    score = image.score((2, 0))
    for layer in ("0.1", "0.6"):
        expected = by_hand(net(), picture(), layer, 2)[2] - by_hand(net(), picture(), layer, 0)[2]
        torch.testing.assert_close(score.capture.gradients[layer], expected, rtol=1e-3, atol=1e-6)
    assert score.backward.part == "backward"
    assert score.backward.ms > 0
    assert image.forward.part == "forward"
    np.testing.assert_allclose(image.probabilities, net()(picture())[0].softmax(0).detach(), rtol=1e-4)


def test_the_first_score_pays_for_the_forward_pass_and_the_predicted_class_is_the_default() -> None:
    image = TracedImage(net(), picture())
    predicted = int(np.argmax(image.logits))
    first, other = image.score(), image.score((predicted + 1) % 3)
    assert first.target == predicted
    assert (first.first, other.first) == (True, False)
    assert image.score(predicted) is first


def test_the_scores_used_last_are_kept_and_the_oldest_dropped() -> None:
    image = TracedImage(net(), picture())
    targets = [0, 1, 2, (0, 1)]
    first, second, *_ = [image.score(target) for target in targets]
    assert image.score(0) is first  # used again, so 1 is now the oldest
    image.score((0, 2))
    assert image.score(0) is first
    assert image.score(1) is not second


def test_a_score_does_not_keep_its_image_alive() -> None:
    gc.collect()
    gc.disable()
    try:
        image = TracedImage(net(), picture())
        score, reference = image.score(1), weakref.ref(image)
        del image
        assert reference() is None
    finally:
        gc.enable()
    assert score.method_map("gradcam", "0.6")[0].values is not None


def test_a_method_that_refuses_has_its_reason_in_the_note() -> None:
    score = TracedImage(net(), picture()).score(1)
    method_map, cost = score.method_map("probecam", "0.2")
    assert method_map.values is None
    assert "no linear probe for layer '0.2'" in method_map.note
    assert (method_map.kind, cost.part) == ("", "probecam")
    refusal = score.method_map("cam", "0.2")[0]
    assert (refusal.values, refusal.kind, refusal.title) == (None, "none", "CAM (none here)")


def test_progress_is_called_and_may_cancel() -> None:
    score = TracedImage(net(), picture()).score(1)
    calls: list[tuple[int, int]] = []
    score.method_map("ablationcam", "0.6", lambda *numbers: calls.append(numbers))
    assert calls[-1] == (6, 6)  # six channels

    def cancel(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score.method_map("ablationcam", "0.6", cancel)
    assert score.method_map("gradcam", "0.6")[0].values is not None


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ExplainError, match="batch of 2"):
        TracedImage(net(), pictures(2, dtype=torch.float32))
    with pytest.raises(ExplainError, match="class 3 is out of range"):
        TracedImage(net(), picture()).score(3)
    refused = cam(net(), "0.3", {"0.3": probe(5)})
    assert (refused.values, refused.kind) == (None, "none")
    assert "fit the probes again" in refused.note
