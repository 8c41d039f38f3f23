"""The description of a method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from analysis.explain.engine.capture import Capture


@dataclass(frozen=True)
class Method:
    """A way to compute maps from activations and gradients; registered in `METHODS`.

    Attributes
    ----------
    name : its key in `METHODS`.
    title, paper, url : for the reader; the paper as "Author et al. year".
    maps : `maps(capture, layer)` returns signed maps (B, h, w) at the layer's resolution.
    formula : one line of LaTeX.
    about : what it does, in plain words.
    prefer : when to use it, and how much time it takes, in plain words.
    needs_gradient : it uses gradients; where no method does, there is no backward pass.
    needs_graph : it computes the gradient of another score, with `gradients_of`.
    needs_resume : it runs the network again from the layer on.
    needs_forward : it runs the whole network again, on changed images.
    needs_probe : it uses the layer's linear probe.
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
    needs_resume: bool = False
    needs_forward: bool = False
    needs_probe: bool = False
