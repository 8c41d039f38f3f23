"""The class weights at inner layers, and the maps of linear probes there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis.chapter.inner import inner_layers
from analysis.chapter.subject import Subject
from analysis.explain.probe import Probe


def test_class_weights_fit_no_inner_layer_and_the_probe_has_its_own(subject: Subject):
    probe = Probe(np.eye(3, 4, dtype=np.float32), np.array([1.0, 2.0, 3.0], np.float32), accuracy=0.75)
    layers = {row.layer: row for row in inner_layers(subject, {"0.3": probe}, 1)}
    row = layers["0.3"]
    with pytest.raises(RuntimeError) as raised:
        torch.einsum("ck,kij->cij", subject.network[1][4].weight, torch.zeros(4, 4, 5))
    assert row.product.error == f"RuntimeError: {raised.value}"
    with torch.no_grad():
        activation = subject.copy()[0][:4](subject.x)[0]
    np.testing.assert_allclose(row.probe_map, activation[1], rtol=1e-5, atol=1e-6)  # the probe reads channel 1
    assert row.mean_plus_bias == pytest.approx(float(activation[1].mean()) + 2, abs=1e-5)
    assert row.probe_logit == pytest.approx(row.mean_plus_bias, abs=1e-5)
    assert row.probe_accuracy == 0.75
    last = layers[subject.stages[-1].name]
    assert last.product.error is None
    assert last.product.value == (3, 4, 5)
    assert last.probe_map is None
