"""The PyTorch modes of the caller are suspended, and inputs that do not fit are refused."""

from __future__ import annotations

import pytest
import torch

from analysis.explain.engine.inputs import as_written, plain_input
from analysis.explain.errors import ExplainError
from tests.analysis.explain.networks import classifier, pictures


def test_inference_mode_and_autocast_are_suspended_and_given_back() -> None:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        with as_written():
            assert not torch.is_inference_mode_enabled()
            assert not torch.is_autocast_enabled("cpu")
        assert torch.is_inference_mode_enabled()
        assert torch.is_autocast_enabled("cpu")


def test_plain_input_is_detached_and_may_come_from_inference_mode() -> None:
    net, x = classifier(), pictures().requires_grad_()
    assert not plain_input(net, x).requires_grad
    with torch.inference_mode():
        made_inside = pictures()
        assert not plain_input(net, made_inside).is_inference()


def test_a_picture_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ExplainError, match="not finite"):
        plain_input(classifier(), pictures() / 0)
