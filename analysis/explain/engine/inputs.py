"""The checks of a model's input, and the PyTorch modes that a network is run in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from analysis.explain.errors import ExplainError


@contextmanager
def as_written() -> Iterator[None]:
    """Suspend the caller's `inference_mode` and `autocast`, so that a network runs as its code is written.

    Gradients stay switched on or off as they are. A context manager that is also a decorator.
    """
    gradients = torch.is_grad_enabled()
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))  # this switches gradients on
        stack.enter_context(torch.set_grad_enabled(gradients))
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield


def plain_input(model: nn.Module, x: Tensor) -> Tensor:
    """Check that x fits the model, and return it as a plain, detached tensor that autograd accepts.

    Parameters
    ----------
    model : the classifier.
    x : (B, C, H, W), floating point.

    Raises
    ------
    ExplainError : another shape, an integer type, values that are not finite, another device or floating-point
        type than that of the model's parameters, or a model built inside `torch.inference_mode()`.
    """
    if not isinstance(x, Tensor) or x.ndim != 4 or x.shape[0] == 0 or not x.is_floating_point():
        got = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise ExplainError(f"x must be a batch of normalised images, float (B, 3, H, W); got {got}")
    weights = next((p for p in model.parameters() if p.is_floating_point()), None)
    if weights is not None:
        if weights.device != x.device:
            raise ExplainError(
                f"x is on {x.device} but the model is on {weights.device}; use x.to({str(weights.device)!r})"
            )
        if weights.dtype != x.dtype:
            raise ExplainError(f"x is {x.dtype} but the model is {weights.dtype}; use x.to({weights.dtype})")
    if not bool(x.isfinite().all()):
        raise ExplainError(
            "x has values that are not finite (nan or inf), so every map of it would be nan; check how it was "
            "normalised"
        )
    if any(p.is_inference() for p in model.parameters()):
        raise ExplainError(
            "the model was built inside torch.inference_mode(), so no gradient can pass through it; "
            "build or load it outside"
        )
    with torch.inference_mode(False):
        x = x.as_subclass(Tensor).detach()  # a fastai TensorImage would carry its type through the network
        return x.clone() if x.is_inference() else x
