"""Finer-CAM: what speaks for the class rather than for the classes most like it."""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.errors import ExplainError
from analysis.explain.methods.base import Method

REFERENCES = 3
ALPHA = 1.0


def finercam(taken: Capture, layer: str) -> Tensor:
    """Finer-CAM (B, h, w), Zhang et al. 2025, on Grad-CAM: the signed Grad-CAM of y_c - alpha mean_d y_d.

    d runs over the three classes whose logits are nearest to that of the target c, those that the network takes
    for most like it in this picture; where there are fewer other classes, over those. They weigh the same,
    and alpha (the paper's gamma) is 1: a number added to all logits, which no softmax sees, then has no part
    in the map, and with two classes the map is that of the contrast. With a single logit there is nothing to
    compare with and the map is Grad-CAM. Where a contrast is asked for, the class it names is the one to
    compare with.

    The published choices differ. The paper's experiments use alpha 0.6 and classes with similar classifier
    weights, which only a linear head has. The authors' code and pytorch-grad-cam take alpha 1 and the
    nearest logits, weighted with their probabilities (and differentiate these weights too, which
    is not the gradient of a difference of logits any more). torch-cam takes the mean, with alpha 0.6.
    """
    weights = taken.gradients_of(_cotangent(taken))[layer].mean(dim=(2, 3))
    return torch.einsum("bc,bchw->bhw", weights, taken.activations[layer])


def _cotangent(taken: Capture) -> Tensor:
    """(B, K): the compared score as weights on the logits."""
    if taken.targets is None:
        raise ExplainError(
            "Finer-CAM compares a class with the classes most like it, so it needs a class or a pair of classes, "
            "not a function of the logits; write the comparison into the function and use gradcam"
        )
    score = taken.cotangent()
    references = min(REFERENCES, taken.logits.shape[1] - 1)
    if taken.against is not None or references == 0:
        return score
    target = taken.targets[:, None]
    distance = (taken.logits - taken.logits.gather(1, target)).abs()
    distance = distance.scatter(1, target, torch.inf)
    # A stable sort: among equally distant classes the first, on every device and in every batch.
    nearest = distance.sort(dim=1, stable=True).indices[:, :references]
    return score.scatter_add(1, nearest, score.new_full(nearest.shape, -ALPHA / references))


FINERCAM = Method(
    "finercam",
    "Finer-CAM",
    "Zhang et al. 2025",
    "https://arxiv.org/abs/2501.11309",
    finercam,
    formula=r"\sum_k \Big(\frac{1}{hw}\sum_{ij}\frac{\partial}{\partial A^k_{ij}}"
    r"\big(y_c-\tfrac{1}{3}\textstyle\sum_{d\,\sim\,c} y_d\big)\Big)\,A^k",
    about="Grad-CAM of a difference: the class's score minus the mean score of the three classes the network "
    "finds most like it in this picture. What the look-alikes share drops out; what sets the class apart "
    "stays.",
    prefer="For many similar classes, such as breeds, where Grad-CAM shows the whole animal for each of them. "
    "With two classes it is the contrast of the two. Costs a backward pass of its own, as much as "
    "Grad-CAM.",
    needs_graph=True,
)
