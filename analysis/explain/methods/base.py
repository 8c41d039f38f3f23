"""What a method is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from analysis.explain.engine.capture import Capture


@dataclass(frozen=True)
class Method:
    """A way to make maps from captured activations and gradients.

    Attributes
    ----------
    name : its key in `METHODS`.
    title, paper, url : for people; the paper as "Author et al. year".
    maps : `maps(taken, layer)` returns signed maps (B, h, w) at the layer's resolution.
    formula : one line of LaTeX.
    about, prefer : what it does, and when to prefer it and what it costs, in plain words.
    needs_gradient : it reads gradients; where no method does, the backward pass is saved.
    needs_graph : it asks for the gradient of a score of its own, with `gradients_of`.
    needs_tail : it runs the network again from the layer on.
    needs_passes : it runs the whole network again, on changed pictures.
    needs_probe : it reads the layer's linear probe.
    """

    name: str
    title: str
    paper: str
    url: str
    maps: Callable[[Capture, str], Tensor]
    formula: str
    about: str
    prefer: str
    needs_gradient: bool = False
    needs_graph: bool = False
    needs_tail: bool = False
    needs_passes: bool = False
    needs_probe: bool = False
