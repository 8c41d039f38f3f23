"""The class activation map over words: class weights times activations."""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.words.methods.base import Method
from analysis.words.network import Reading


def cam(reading: Reading, layer: str) -> Tensor:
    """Return what each token gives to the score through class weights, (B, L); 0 at padding.

    Zhou et al., *Learning Deep Features for Discriminative Localization*, CVPR 2016, eq. 2, over words instead
    of places: M_c(t) = sum_k w_ck A_k(t). The head averages over the n tokens of a text, so its logit is
    mean_t M_c(t) + b_c, and what a token gives is M_c(t) / n: these sum to logit - b_c.

    Raises ExplainError where the layer has no class weights.
    """
    weights = reading.score.of_class(reading.weights_of(layer).weight)
    values = torch.einsum("bc,blc->bl", weights, reading.activations[layer])
    return (values / reading.lengths()).masked_fill(~reading.real, 0)


CAM = Method("cam", "CAM", cam, needs_class_weights=True)
