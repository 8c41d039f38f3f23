"""A linear probe: class weights for a layer where the network has none.

A logistic regression on a layer's average-pooled features (Alain and Bengio 2016, arXiv:1610.01644) gives
weights over that layer's channels, and so an exact CAM of the probe: its mean over the map plus the bias
is the probe's own logit. `analysis.learner.probes` fits probes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Probe:
    """A layer's linear classifier: logits = `weight` (K, C) @ pooled features (C,) + `bias` (K,), float32.

    `accuracy` is the share of validation images it gets right, 0..1.
    """

    weight: np.ndarray
    bias: np.ndarray
    accuracy: float

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(N, K) from pooled features (N, C)."""
        return features @ self.weight.T + self.bias

    def cam(self, activation: np.ndarray, target: int | tuple[int, int]) -> np.ndarray:
        """CAM of the probe, signed float32 (h, w), of a class or of a pair's difference; activation (C, h, w).

        Its mean plus `score_bias(target)` is the probe's logit (or difference of logits).
        """
        weights = (
            self.weight[target] if isinstance(target, int) else self.weight[target[0]] - self.weight[target[1]]
        )
        return np.einsum("c,chw->hw", weights, activation, dtype=np.float32)

    def score_bias(self, target: int | tuple[int, int]) -> float:
        """Bias of a class, or the difference of a pair's."""
        return float(self.bias[target] if isinstance(target, int) else self.bias[target[0]] - self.bias[target[1]])
