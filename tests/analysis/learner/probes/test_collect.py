"""Features that probes are fitted on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis.explain.errors import ExplainError
from analysis.learner.probes.collect import collect_features
from tests.analysis.explain.networks import classifier, pictures


def test_collected_features_are_the_pooled_activations_in_order() -> None:
    net, x = classifier(dtype=torch.float32), pictures(5, dtype=torch.float32)
    done: list[int] = []
    batches = [x[:2], (x[2:4], torch.zeros(2)), (x[4:],)]
    features = collect_features(net, iter(batches), ["0.1", "0.6"], done.append)
    assert done == [2, 4, 5]
    expected = net[0][:2](x).mean((2, 3)).detach().numpy()
    np.testing.assert_allclose(features["0.1"], expected, rtol=1e-5, atol=1e-6)
    assert features["0.6"].shape == (5, 6)
    assert features["0.6"].dtype == np.float32
    with pytest.raises(ExplainError, match="no images"):
        collect_features(net, [], ["0.1"])
