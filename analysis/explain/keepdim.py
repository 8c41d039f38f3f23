"""What leaving out `keepdim=True` does to a Grad-CAM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class AlignedDim:
    """One column of PyTorch's right-to-left alignment: sizes of weights and activations, and of the product.

    `weights` is None where the weights have no such dimension; `product` is None where the sizes clash.
    """

    weights: int | None
    activations: int
    product: int | None


@dataclass(frozen=True)
class KeepdimCase:
    """The weights with and without `keepdim=True` at one layer, each line really run.

    Attributes
    ----------
    steps : (expression, shape or text) of the code without `keepdim`, in the order of the code.
    alignment : the dimensions from left to right, as the product without `keepdim` aligns them.
    outcome : "raises", "silent" (a wrong map and no word of it) or "right".
    error : PyTorch's own text where it raises, else None.
    wrong : what comes out without `keepdim`, (h, w) float32, or (h, C) where w is 1; None where it raises.
    right : the Grad-CAM map (h, w) float32. For a batch both maps are the first image's.
    difference : wrong - right, None where it raises or the shapes differ.
    correlation : of wrong and right; None where undefined (raises, other shape, a constant map).
    right_steps, right_alignment : the same with `keepdim=True`.
    batched : (B, C) * (B, C, h, w) rather than (C,) * (C, h, w).
    """

    steps: tuple[tuple[str, str], ...]
    alignment: tuple[AlignedDim, ...]
    outcome: str
    error: str | None
    wrong: np.ndarray | None
    right: np.ndarray
    difference: np.ndarray | None
    correlation: float | None
    right_steps: tuple[tuple[str, str], ...]
    right_alignment: tuple[AlignedDim, ...]
    batched: bool = False


@dataclass(frozen=True)
class KeepdimCell:
    """One cell of the table layer x input size: the layer's real shape there and what happens."""

    layer: str
    size: int
    channels: int
    height: int
    width: int
    outcome: str
