"""The probe's CAM: its mean plus the bias is the probe's logit; what does not fit is refused with advice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis.explain.errors import ExplainError
from analysis.explain.methods.probecam import PROBECAM
from analysis.explain.probe import Probe
from tests.analysis.explain.methods.hand import LAYER, HandCapture, signed


def probe(classes: int = 3, channels: int = 4) -> Probe:
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(classes, channels)), rng.normal(size=classes)
    return Probe(weight.astype(np.float32), bias.astype(np.float32), 0.9)


def capture(against: torch.Tensor | None = None, **probes: Probe) -> HandCapture:
    return HandCapture(
        signed(2, 4, 3, 5, dtype=torch.float32),
        targets=torch.tensor([2, 0]),
        against=against,
        logits=torch.zeros(2, 3),
        probes=probes,
    )


@pytest.mark.parametrize("against", [None, torch.tensor([1, 2])])
def test_mean_plus_bias_is_the_probes_score(against: torch.Tensor | None) -> None:
    fitted = probe()
    given = capture(against, layer=fitted)
    logits = fitted.logits(given.activation.mean((2, 3)).numpy())
    for image, found in enumerate(PROBECAM.maps(given, LAYER).numpy()):
        target = int(given.targets[image])
        pair = target if against is None else (target, int(against[image]))
        score = logits[image, target] - (0 if against is None else logits[image, against[image]])
        assert found.mean() + fitted.score_bias(pair) == pytest.approx(score, abs=1e-5)
        np.testing.assert_allclose(found, fitted.cam(given.activation[image].numpy(), pair), rtol=1e-5, atol=1e-6)


def test_a_layer_without_a_probe_names_the_cure() -> None:
    with pytest.raises(ExplainError, match=r"no linear probe for layer 'layer' .*'blocks.1'.*fit_probe"):
        PROBECAM.maps(capture(**{"blocks.1": probe()}), LAYER)
    with pytest.raises(ExplainError, match=r"one: none.*python -m analysis fit"):
        PROBECAM.maps(capture(), LAYER)


@pytest.mark.parametrize("wrong", [probe(classes=2), probe(channels=5)])
def test_a_probe_of_another_model_is_refused(wrong: Probe) -> None:
    with pytest.raises(ExplainError, match=r"3 classes and the layer 4 channels.*another model"):
        PROBECAM.maps(capture(layer=wrong), LAYER)
