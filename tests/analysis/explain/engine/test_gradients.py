"""Gradients by layer, and the reason where there is none."""

from __future__ import annotations

import copy

import pytest
import torch

from analysis.explain.engine.gradients import Gradients
from analysis.explain.errors import LayerError


def test_a_gradient_that_was_not_requested_raises_its_own_message() -> None:
    with pytest.raises(LayerError, match=r"no gradient was asked for at layer '0\.6'"):
        Gradients()["0.6"]


def test_a_refused_layer_raises_its_own_reason_each_time() -> None:
    reasons = {"late": "the logits do not depend on it"}
    gradients = Gradients(reasons)
    gradients["early"] = torch.ones(1)
    for _ in range(2):
        with pytest.raises(LayerError, match="^the logits do not depend on it$"):
            gradients["late"]
    assert dict(gradients) == {"early": torch.ones(1)}
    assert "late" not in gradients


def test_the_reasons_belong_to_one_object() -> None:
    reasons = {"late": "first"}
    gradients, other = Gradients(reasons), Gradients()
    gradients.refusals["more"] = "second"
    assert reasons == {"late": "first"}
    assert other.refusals == {}
    assert copy.copy(gradients).refusals == gradients.refusals
