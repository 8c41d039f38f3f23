"""The state a model is explained in, and how the caller's own is given back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from analysis.explain.errors import ExplainError

# Evaluation mode and hooks are state of the model itself, so two threads explaining it take turns.
_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Hold a model in evaluation mode, outside inference mode and autocast, in one thread at a time.

    Afterwards, also after an exception, every submodule has its own mode back (a frozen BatchNorm inside a
    training model stays in evaluation mode), and the caller's gradient mode is as it was.
    """
    with _ONE_AT_A_TIME, torch.inference_mode(False), _no_autocast():
        training = [module for module in model.modules() if module.training]
        try:
            model.eval()
            yield
        finally:
            for module in training:
                module.training = True


@contextmanager
def hooked(
    modules: Mapping[str, nn.Module], see: Callable[[str, nn.Module, Any], Tensor | None]
) -> Iterator[None]:
    """Call `see(name, module, output)` after each call of the modules; what it returns replaces the output.

    Only calls from this thread are seen, so that another thread that runs the same model is left alone.
    """
    thread = threading.get_ident()

    def hook_of(name: str) -> Callable[[nn.Module, Any, Any], Tensor | None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> Tensor | None:
            return see(name, module, output) if threading.get_ident() == thread else None

        return hook

    with ExitStack() as hooks:
        for name, module in modules.items():
            hooks.callback(module.register_forward_hook(hook_of(name)).remove)
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
    if any(p.is_inference() for p in model.parameters()):
        raise ExplainError(
            "the model was built inside torch.inference_mode(), so no gradient can pass through it; "
            "build or load it outside"
        )
    with torch.inference_mode(False):
        x = x.as_subclass(Tensor).detach()  # a fastai TensorImage would carry its type through the network
        return x.clone() if x.is_inference() else x


@contextmanager
def _no_autocast() -> Iterator[None]:
    """Full precision also where the caller stands in `torch.autocast`."""
    with ExitStack() as stack:
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield
