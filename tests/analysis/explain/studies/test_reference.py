"""The untrained network has the real shapes and leaves the random state alone."""

from __future__ import annotations

import torch

from analysis.explain import explainable_layers
from analysis.explain.studies.reference import untrained_resnet34


def test_shapes_are_resnet34s_and_weights_repeat():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    model = untrained_resnet34(3)
    assert torch.equal(torch.get_rng_state(), before)
    layers = {layer.name: layer for layer in explainable_layers(model, torch.zeros(1, 3, 256, 256))}
    assert (layers["layer1"].channels, layers["layer1"].height, layers["layer1"].width) == (64, 64, 64)
    assert not model.training
    torch.testing.assert_close(model.fc.weight, untrained_resnet34(3).fc.weight)
