"""Features that probes are fitted on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from analysis.explain.errors import ExplainError
from analysis.learner.probes.collect import collect_features
from analysis.progress import ProgressEvent
from tests.analysis.explain.networks import classifier, pictures


def test_collected_features_are_the_pooled_activations_in_order() -> None:
    net, x = classifier(dtype=torch.float32), pictures(5, dtype=torch.float32)
    events: list[ProgressEvent] = []

    def read(batches: list[list[int]]) -> Iterator[torch.Tensor]:
        for batch in batches:
            yield x[batch]

    features = collect_features(net, range(5), read, ["0.1", "0.6"], 2, events.append)
    assert [(event.stage, event.fraction) for event in events] == [
        ("probes", 0), ("probes", 0.4), ("probes", 0.8), ("probes", 1),
    ]  # fmt: skip
    assert list(features) == ["0.1", "0.6"]
    expected = net[0][:2](x).mean((2, 3)).detach().numpy()
    np.testing.assert_allclose(features["0.1"], expected, rtol=1e-5, atol=1e-6)
    assert features["0.6"].shape == (5, 6)
    assert features["0.6"].dtype == np.float32
    with pytest.raises(ExplainError, match="no images"):
        collect_features(net, [], read, ["0.1"])
