"""From one reading of a network to a signed number for every token.

All methods give their numbers in units of the explained score, so that those of a word's tokens may be added.
Of the three, only the exact CAM adds up to the score itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from analysis.explain.errors import ExplainError, UnknownNameError, closest
from analysis.words.network import Reading, is_convolutional, layer_names


def cam(reading: Reading, layer: str, weight: Tensor) -> Tensor:
    """Return what each token gives to the score through class weights, (B, L); 0 at padding.

    Zhou et al., *Learning Deep Features for Discriminative Localization*, CVPR 2016, eq. 2, over words instead
    of places: M_c(t) = sum_k w_ck A_k(t). The head averages over the n tokens of a text, so its logit is
    mean_t M_c(t) + b_c, and what a token gives is M_c(t) / n: these sum to logit - b_c.

    weight : (K, C), class weights over the layer's channels.
    """
    weights = reading.of_score(weight.to(reading.activations[layer]))
    values = torch.einsum("bc,blc->bl", weights, reading.activations[layer])
    return (values / reading.lengths()).masked_fill(~reading.real, 0)


def gradcam(reading: Reading, layer: str) -> Tensor:
    """Return the Grad-CAM of each token, signed, (B, L); 0 at padding.

    Selvaraju et al., *Grad-CAM*, ICCV 2017, eq. 1 and 2 without the ReLU: alpha_k = mean_t dS/dA_k(t) over the
    real tokens, and sum_k alpha_k A_k(t). At a layer that feeds average and Linear this is the exact CAM above.
    """
    gradients = reading.gradients[layer].masked_fill(~reading.real[..., None], 0)
    alpha = gradients.sum(dim=1) / reading.lengths()
    values = torch.einsum("bc,blc->bl", alpha, reading.activations[layer])
    return values.masked_fill(~reading.real, 0)


def gradient(reading: Reading, layer: str) -> Tensor:
    """Return gradient x activation of each token, signed, (B, L); 0 at padding.

    At the embedding this is gradient x input: Shrikumar et al., *Not Just a Black Box*, arXiv:1605.01713,
    sec. 3, and for words Denil et al., arXiv:1412.6815: sum_e dS/dE_e(t) E_e(t). At an inner layer it is
    HiResCAM: Draelos and Carin, arXiv:2011.08891, eq. 4. Both are first-order estimates.
    """
    values = (reading.gradients[layer] * reading.activations[layer]).sum(dim=2)
    return values.masked_fill(~reading.real, 0)


METHODS = ("cam", "gradcam", "gradient")
_BY_GRADIENTS: dict[str, Callable[[Reading, str], Tensor]] = {"gradcam": gradcam, "gradient": gradient}


def best_method(model: Any) -> str:
    """Return the most truthful method for a network: its exact CAM where it has one, else Grad-CAM."""
    return "cam" if is_convolutional(model) else "gradcam"


def choose(model: Any, method: str | None, layer: str | None) -> tuple[str, str]:
    """Return (method, layer), the best ones where None was given.

    The layer is the last one, but for "gradient" the embedding. Raises UnknownNameError for a method that does
    not exist, ExplainError for a CAM where the network has none.
    """
    method = method or best_method(model)
    if method not in METHODS:
        raise UnknownNameError(
            f"unknown method {method!r}; there are {', '.join(METHODS)}.{closest(method, METHODS)}"
        )
    names = layer_names(model)
    layer = layer or (names[0] if method == "gradient" else names[-1])
    if method == "cam":
        class_weights(model)
        if layer != names[-1]:
            raise ExplainError(
                f"no exact CAM at {layer!r}: the network has class weights only for {names[-1]!r}, which feeds "
                "its average. Use gradcam or gradient."
            )
    return method, layer


def token_values(model: Any, reading: Reading, method: str, layer: str) -> Tensor:
    """Return (B, L): what each token gives to its text's score by a method that `choose` allowed."""
    if method == "cam":
        return cam(reading, layer, class_weights(model))
    return _BY_GRADIENTS[method](reading, layer)


def class_weights(model: Any) -> Tensor:
    """Return the (K, C) weights of a convolutional network's head; raises ExplainError for another network."""
    if not is_convolutional(model):
        raise ExplainError(
            "no exact CAM: after its last layer this network does more than average and weigh. Use gradcam or "
            "gradient, or a run of the architecture wordcnn."
        )
    return model.head.weight.detach()
