"""Helpers for the tests of methods that change activations or images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from analysis.explain.engine.capture import Capture
from analysis.explain.engine.targets import Targets
from analysis.explain.trace import trace


def layer_capture(
    net: nn.Module,
    x: Tensor,
    layer: str,
    targets: Targets = None,
    progress: Callable[[int, int], None] | None = None,
) -> Capture:
    """Return the capture of one layer, which a method reads."""
    capture = trace(net, x, [layer]).capture(targets)
    return capture if progress is None else replace(capture, progress=progress)


@contextmanager
def replaced(net: nn.Module, layer: str, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Apply `change` to the output of a layer while the block runs."""

    def hook(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        return change(output)

    handle = net.get_submodule(layer).register_forward_hook(hook)
    try:
        with torch.no_grad():
            yield
    finally:
        handle.remove()
