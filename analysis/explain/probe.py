"""A linear probe: class weights for a layer where the network itself has none.

A logistic regression on the average-pooled features of a layer (Alain and Bengio 2016, arXiv:1610.01644) gives
weights for the channels of that layer, and so an exact CAM of the probe: its mean over the map plus the bias is
the logit of the probe. `analysis.learner.probes` fits probes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Probe:
    """A linear classifier of a layer's pooled features: logits = weight @ features + bias.

    Attributes
    ----------
    weight : (K, C) float32.
    bias : (K,) float32.
    accuracy : the share of validation images that it classifies correctly, 0..1.
    """

    weight: np.ndarray
    bias: np.ndarray
    accuracy: float

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return the logits (N, K) of pooled features (N, C)."""
        return features @ self.weight.T + self.bias

    def cam(self, activation: np.ndarray, target: int | tuple[int, int]) -> np.ndarray:
        """Return the signed CAM (h, w) float32 of the probe, for an activation (C, h, w).

        For a pair of classes it is the difference of their CAMs. Its mean plus `score_bias(target)` is the probe's
        logit, or difference of logits.
        """
        weights = (
            self.weight[target] if isinstance(target, int) else self.weight[target[0]] - self.weight[target[1]]
        )
        return np.einsum("c,chw->hw", weights, activation, dtype=np.float32)

    def score_bias(self, target: int | tuple[int, int]) -> float:
        """Return the bias of a class, or the difference of two for a pair."""
        return float(self.bias[target] if isinstance(target, int) else self.bias[target[0]] - self.bias[target[1]])
