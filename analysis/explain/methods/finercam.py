"""Finer-CAM: evidence for a class rather than for the classes most similar to it."""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.errors import ExplainError
from analysis.explain.methods.base import Method

REFERENCES = 3
ALPHA = 1.0


def finercam(capture: Capture, layer: str) -> Tensor:
    """Return Finer-CAM (B, h, w), Zhang et al. 2025, with Grad-CAM: the signed Grad-CAM of y_c - alpha mean_d y_d.

    d runs over the three classes whose logits are nearest to that of the target c, those that the network finds
    most similar in this image; where there are fewer other classes, over all of them. They have equal weights, and
    alpha (the paper's gamma) is 1: a number added to all logits does not change a softmax, and then does not
    change the map either, and with two classes the map is that of the contrast. With a single logit there is
    nothing to compare with, and the map is Grad-CAM. For a contrast, the comparison is with the class that it
    names.

    The published versions differ. The paper's experiments use alpha 0.6 and classes with similar classifier
    weights, which only a linear head has. The authors' code and pytorch-grad-cam use alpha 1 and the nearest
    logits, weighted by their probabilities (they differentiate these weights too, so the result is not the
    gradient of a difference of logits). torch-cam uses the mean, with alpha 0.6.
    """
    weights = capture.gradients_of(_compared_weights(capture))[layer].mean(dim=(2, 3))
    return torch.einsum("bc,bchw->bhw", weights, capture.activations[layer])


def _compared_weights(capture: Capture) -> Tensor:
    """Return the derivative (B, K) of the compared score in the logits."""
    if capture.targets is None:
        raise ExplainError(
            "Finer-CAM compares a class with the classes most similar to it, so it needs a class or a pair of "
            "classes, not a function of the logits; write the comparison into the function and use gradcam"
        )
    score = capture.logit_weights()
    references = min(REFERENCES, capture.logits.shape[1] - 1)
    if capture.against is not None or references == 0:
        return score
    target = capture.targets[:, None]
    distance = (capture.logits - capture.logits.gather(1, target)).abs()
    distance = distance.scatter(1, target, torch.inf)
    # A stable sort chooses the first of equally distant classes, on every device and in every batch.
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
    about="Grad-CAM of a difference: the class's score minus the mean score of the three classes that the network "
    "finds most similar to it in this picture. What these classes share cancels; what is special to the class "
    "stays.",
    prefer="For many similar classes, such as breeds, where Grad-CAM shows the whole animal for each of them. "
    "With two classes it is the contrast of the two. It needs its own backward pass and takes as long as "
    "Grad-CAM.",
    needs_graph=True,
)
