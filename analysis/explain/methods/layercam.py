"""LayerCAM: every cell weighted by its own gradient, where that is positive."""

from __future__ import annotations

from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.methods.base import Method


def layercam(capture: Capture, layer: str) -> Tensor:
    """Return LayerCAM (B, h, w), Jiang et al. 2021, without the final ReLU: sum of relu(dy/dA_ij) * A_ij.

    The ReLU inside is the paper's: the weight of a cell is its gradient where that is positive, else 0. After a
    ReLU no value of the map is then negative, and the paper's final ReLU changes nothing; a layer with negative
    outputs has a signed map.
    """
    return (capture.gradients[layer].clamp(min=0) * capture.activations[layer]).sum(dim=1)


LAYERCAM = Method(
    "layercam",
    "LayerCAM",
    "Jiang et al. 2021",
    "https://ieeexplore.ieee.org/document/9462463",
    layercam,
    formula=r"\sum_k \mathrm{ReLU}\Big(\frac{\partial y}{\partial A^k_{ij}}\Big)\,A^k_{ij}",
    about="As in HiResCAM every cell has its own weight, but only positive gradients count: evidence for "
    "the class is kept, evidence against it is dropped.",
    prefer="For early layers, where it shows the finest outlines of the object, and for fusing several layers. "
    "Since evidence against the class is dropped, it cannot show what speaks for the other class: use HiResCAM "
    "for that. It takes as long as Grad-CAM.",
    needs_gradient=True,
)
