"""Gradient x activation: every token with its own gradient."""

from __future__ import annotations

from torch import Tensor

from analysis.words.methods.base import Method
from analysis.words.network import Reading


def gradient(reading: Reading, layer: str) -> Tensor:
    """Return gradient x activation of each token, signed, (B, L); 0 at padding.

    At the embedding this is gradient x input: Shrikumar et al., *Not Just a Black Box*, arXiv:1605.01713,
    sec. 3, and for words Denil et al., arXiv:1412.6815: sum_e dS/dE_e(t) E_e(t). At an inner layer it is
    HiResCAM: Draelos and Carin, arXiv:2011.08891, eq. 4. Both are first-order estimates.
    """
    values = (reading.gradients[layer] * reading.activations[layer]).sum(dim=2)
    return values.masked_fill(~reading.real, 0)


GRADIENT = Method(
    "gradient",
    "Gradient × activation",
    gradient,
    embedding_title="Gradient × embedding",
    needs_gradient=True,
    at_embedding=True,
)
