"""Ablation-CAM: channels weighted by how much the score drops without them."""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.methods.base import Method
from analysis.explain.methods.perturbation import perturbed_scores, weighted


def ablationcam(capture: Capture, layer: str) -> Tensor:
    """Return Ablation-CAM (B, h, w), Desai and Ramaswamy 2020: sum over channels of (y - y_k) A^k, no final ReLU.

    y_k is the score with channel k set to 0, computed by resuming the network after the layer: C resumed runs per
    image.

    The paper divides the weights by y. Where y > 0 this only scales the whole map; for a class with a score below
    0, or a contrast, it would reverse the map's sign, and near 0 the map would grow without limit. So it is left
    out (pytorch-grad-cam divides by the signed y). A weight is the channel's own share of the score: under an
    average pool and a linear head it is exactly w_k mean(A^k), and the weights and the bias add up to the score.
    """
    activation, network = capture.activations[layer], capture.resume(layer)

    def ablated(images: Tensor, channels: Tensor) -> Tensor:
        changed = activation[images]
        changed[torch.arange(len(changed), device=changed.device), channels] = 0
        return network(changed, images)

    without = perturbed_scores(capture, activation.shape[1], capture.batch_size(layer), ablated)
    return weighted(capture, layer, capture.scores()[:, None] - without)


ABLATIONCAM = Method(
    "ablationcam",
    "Ablation-CAM",
    "Desai and Ramaswamy 2020",
    "https://openaccess.thecvf.com/content_WACV_2020/html/Desai_Ablation-CAM_Visual_Explanations_for_Deep_"
    "Convolutional_Network_via_Gradient-free_Localization_WACV_2020_paper.html",
    ablationcam,
    formula=r"\sum_k \big(y - y_{A^k=0}\big)\,A^k",
    about="Sets the channels to zero one by one, and weights each by how much the score drops without it. No "
    "gradient is needed, so a flat score is no problem. The paper also divides by the score; here that is left "
    "out, because it would reverse the map of a class with a negative score and only scale that of a class with "
    "a positive one.",
    prefer="As a check on Grad-CAM, where a gradient may mislead. It runs the network after the layer once for "
    "each channel: fast at the last stage, as slow as many forward passes at the first stages.",
    needs_resume=True,
)
