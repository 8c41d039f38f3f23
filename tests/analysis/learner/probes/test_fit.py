"""Fitted probes say what scikit-learn's regression on standardised features says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from analysis.explain.errors import ExplainError
from analysis.explain.trace import capture
from analysis.learner.probes.collect import collect_features
from analysis.learner.probes.fit import fit_probe
from tests.analysis.explain.networks import classifier, pictures


def clusters(classes: int, count: int = 120, channels: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping clusters on channels of very different offset and spread, the last one dead."""
    rng = np.random.default_rng(classes)
    labels = rng.integers(classes, size=count)
    features = np.eye(max(classes, channels))[labels][:, :channels] * 2 + rng.normal(size=(count, channels))
    features = features * np.array([1, 10, 0.1, 1, 5, 0]) + np.array([0, 50, -3, 1, 100, 7])
    return features.astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 4])
def test_folding_keeps_what_the_standardised_regression_says(classes: int) -> None:
    features, labels = clusters(classes)
    train, valid = slice(0, 80), slice(80, None)
    probe = fit_probe(features[train], labels[train], features[valid], labels[valid], classes)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    pipeline.fit(features[train].astype(np.float64), labels[train])
    logits = probe.logits(features[valid])
    softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(softmax, pipeline.predict_proba(features[valid].astype(np.float64)), atol=2e-3)
    assert probe.accuracy == pipeline.score(features[valid], labels[valid])
    assert 0.5 < probe.accuracy < 1
    assert probe.weight.dtype == probe.bias.dtype == np.float32
    assert np.isfinite(probe.weight).all()


def test_the_mean_of_its_cam_plus_bias_is_the_probes_logit() -> None:
    net, x = classifier(dtype=torch.float32), pictures(60, dtype=torch.float32)
    labels = np.arange(60) % 2
    features = collect_features(net, range(len(x)), lambda batches: [x], ["0.3"])["0.3"]
    probe = fit_probe(features[:40], labels[:40], features[40:], labels[40:], classes=2)
    activation = capture(net, x[:1], ["0.3"], gradients=False).activations["0.3"][0].numpy()
    logits = probe.logits(features[:1])[0]
    for target, logit in ((0, logits[0]), (1, logits[1]), ((1, 0), logits[1] - logits[0])):
        cam = probe.cam(activation, target)
        assert cam.shape == (4, 5)
        assert cam.dtype == np.float32
        assert cam.mean() + probe.score_bias(target) == pytest.approx(logit, abs=1e-5)
    by_hand = sum(probe.weight[1, channel] * activation[channel] for channel in range(4))
    np.testing.assert_allclose(probe.cam(activation, 1), by_hand, rtol=1e-5, atol=1e-6)


def test_a_class_no_training_image_shows_is_never_predicted() -> None:
    features, labels = clusters(4)
    kept = labels != 2
    probe = fit_probe(features[kept], labels[kept], features, labels, classes=5)
    assert probe.weight.shape == (5, 6)
    logits = probe.logits(features)
    assert (logits[:, [2, 4]] < logits.max(axis=1, keepdims=True) - 9).all()
    predicted = logits.argmax(1)
    assert not np.isin(predicted, [2, 4]).any()
    assert set(np.unique(predicted)) == {0, 1, 3}
    assert probe.accuracy == np.mean(predicted == labels)


def test_features_no_probe_can_be_fitted_on_are_refused() -> None:
    features, labels = clusters(2)
    with pytest.raises(ExplainError, match="two classes, got 1"):
        fit_probe(features, labels * 0, features, labels, 2)
    with pytest.raises(ExplainError, match="not finite"):
        fit_probe(features * np.float32("nan"), labels, features, labels, 2)
