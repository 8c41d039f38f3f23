"""What a caller may stand in and bring, and what the network gets of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from analysis.explain.errors import ExplainError


@contextmanager
def as_written() -> Iterator[None]:
    """Run a network as its code says, also where the caller stands in `inference_mode` or `autocast`.

    Gradients stay switched on or off as they are. Usable as a decorator.
    """
    gradients = torch.is_grad_enabled()
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))  # which switches gradients on
        stack.enter_context(torch.set_grad_enabled(gradients))
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield


def plain_input(model: nn.Module, x: Tensor) -> Tensor:
    """Check that x (B, C, H, W) fits the model and return it as a plain, detached tensor autograd accepts.

    Raises ExplainError for another shape, an integer type, another device or another floating-point type
    than the model's parameters, and for a model built inside `torch.inference_mode()`.
    """
    if not isinstance(x, Tensor) or x.ndim != 4 or x.shape[0] == 0 or not x.is_floating_point():
        got = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise ExplainError(f"x must be a batch of normalised pictures, float (B, 3, H, W); got {got}")
    weights = next((p for p in model.parameters() if p.is_floating_point()), None)
    if weights is not None:
        if weights.device != x.device:
            raise ExplainError(
                f"x is on {x.device} but the model is on {weights.device}; use x.to({str(weights.device)!r})"
            )
        if weights.dtype != x.dtype:
            raise ExplainError(f"x is {x.dtype} but the model is {weights.dtype}; use x.to({weights.dtype})")
    if not bool(x.isfinite().all()):
        raise ExplainError("x holds values that are not finite (nan or inf), and every map of it would be nan")
    if any(p.is_inference() for p in model.parameters()):
        raise ExplainError(
            "the model was built inside torch.inference_mode(), so no gradient can pass through it; "
            "build or load it outside"
        )
    with torch.inference_mode(False):
        x = x.as_subclass(Tensor).detach()  # a fastai TensorImage would carry its type through the network
        return x.clone() if x.is_inference() else x
