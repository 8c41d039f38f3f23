"""Fit a layer's linear probe; its validation accuracy says how well the layer tells the classes apart."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from analysis.explain.errors import ExplainError
from analysis.explain.probe import Probe

_MAX_ITERATIONS = 500
# How far below the least likely class that was seen a class stays that no training picture shows.
_UNSEEN = 10.0


def fit_probe(
    train_features: np.ndarray,
    train_labels: np.ndarray,
    valid_features: np.ndarray,
    valid_labels: np.ndarray,
    classes: int,
    seed: int = 0,
) -> Probe:
    """Fit a logistic regression on standardised features and fold the standardisation into its weights.

    Features are (N, C), labels class numbers 0 .. classes-1. A class that no training image shows gets
    zero weights and a bias below all others. For two classes the one weight vector that scikit-learn fits
    is split evenly between them, so both have a map. Raises ExplainError where the training images show
    fewer than two classes or contain values that are not finite.
    """
    train_labels, valid_labels = np.asarray(train_labels).astype(int), np.asarray(valid_labels).astype(int)
    seen = np.unique(train_labels)
    if len(seen) < 2:
        raise ExplainError(f"a probe needs training images of at least two classes, got {len(seen)}")
    if not np.isfinite(train_features).all():
        raise ExplainError("the features contain values that are not finite; the network itself is broken")
    mean, spread = train_features.mean(axis=0, dtype=np.float64), train_features.std(axis=0, dtype=np.float64)
    # A dead channel has no spread and must not divide by it; below this it is rounding of a constant.
    spread = np.where(spread > 1e-7 * np.abs(mean), spread, 1.0)
    regression = LogisticRegression(max_iter=_MAX_ITERATIONS, random_state=seed)
    regression.fit((train_features - mean) / spread, train_labels)
    coefficients, intercepts = regression.coef_, regression.intercept_
    if len(seen) == 2:
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    weight = np.zeros((classes, train_features.shape[1]))
    bias = np.full(classes, intercepts.min() - _UNSEEN)
    weight[seen] = coefficients / spread
    bias[seen] = intercepts - weight[seen] @ mean
    probe = Probe(weight.astype(np.float32), bias.astype(np.float32), accuracy=float("nan"))
    right = probe.logits(valid_features).argmax(axis=1) == valid_labels
    return Probe(probe.weight, probe.bias, accuracy=float(right.mean()) if len(right) else float("nan"))
