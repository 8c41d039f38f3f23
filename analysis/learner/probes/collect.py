"""The features that a linear probe is fitted on: average-pooled activations of every picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from analysis.explain.errors import ExplainError
from analysis.explain.trace import capture


def collect_features(
    model: nn.Module,
    batches: Iterable[Any],
    layer_names: Sequence[str],
    report: Callable[[int], None] | None = None,
) -> dict[str, np.ndarray]:
    """Average-pooled activations of every layer for every image: {layer: (N, C) float32}, in batch order.

    `batches` yields (B, 3, H, W) tensors on the model's device, or tuples that begin with one, as a
    DataLoader does. `report` is told the number of images done after each batch.
    """
    collected: dict[str, list[np.ndarray]] = {name: [] for name in layer_names}
    done = 0
    for batch in batches:
        x: Tensor = batch[0] if isinstance(batch, (tuple, list)) else batch
        taken = capture(model, x, list(layer_names), gradients=False)
        for name, activation in taken.activations.items():
            collected[name].append(activation.mean(dim=(2, 3)).float().cpu().numpy())
        done += len(x)
        if report is not None:
            report(done)
    if not done:
        raise ExplainError("no images to collect features from: `batches` was empty")
    return {name: np.concatenate(parts) for name, parts in collected.items()}
