"""LayerCAM: every cell with its own gradient, where that is positive."""

from __future__ import annotations

from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.methods.base import Method


def layercam(taken: Capture, layer: str) -> Tensor:
    """LayerCAM (B, h, w), Jiang et al. 2021, without the final ReLU: sum of relu(dy/dA_ij) * A_ij.

    The ReLU inside is the paper's: a cell weighs as much as its gradient is positive, else nothing. Below a
    ReLU no value is then negative and the paper's final one changes nothing; a layer that puts out negative
    values has a signed map.
    """
    return (taken.gradients[layer].clamp(min=0) * taken.activations[layer]).sum(dim=1)


LAYERCAM = Method(
    "layercam",
    "LayerCAM",
    "Jiang et al. 2021",
    "https://ieeexplore.ieee.org/document/9462463",
    layercam,
    formula=r"\sum_k \mathrm{ReLU}\Big(\frac{\partial y}{\partial A^k_{ij}}\Big)\,A^k_{ij}",
    about="Like HiResCAM every cell has a weight of its own, but only positive gradients count: evidence for "
    "the class is kept, evidence against it is dropped.",
    prefer="For early layers, where it outlines the object most finely, and for fusing several layers. Since "
    "evidence against the class is dropped, it cannot show what speaks for the other class: use HiResCAM "
    "for that. Costs as much as Grad-CAM.",
    needs_gradient=True,
)
