"""What a method is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from analysis.explain.capture import Capture


@dataclass(frozen=True)
class Method:
    """A way to make maps from captured activations and gradients.

    `maps(taken, layer)` returns signed maps (B, h, w) at the layer's resolution. `needs_gradient` says
    whether it reads `taken.gradients`; a method that does not saves the backward pass.
    """

    name: str
    title: str
    paper: str
    needs_gradient: bool
    maps: Callable[[Capture, str], Tensor]
