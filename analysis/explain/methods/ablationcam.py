"""Ablation-CAM: channels weighted by what the score loses without them."""

from __future__ import annotations

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.methods.base import Method
from analysis.explain.methods.sweep import sweep, weighted


def ablationcam(taken: Capture, layer: str) -> Tensor:
    """Ablation-CAM (B, h, w), Desai and Ramaswamy 2020: sum over channels of (y - y_k) A^k, no final ReLU.

    y_k is the score with channel k set to 0, the network resumed behind the layer: C resumed passes an image.

    The paper divides the weights by y. That is one positive number for a whole map wherever y > 0, so it
    changes nothing there; for a class the network scores below 0, or a contrast, it would turn the map's
    sign over, and near 0 blow it up. So it is left out (pytorch-grad-cam divides by the signed y). A weight
    is the channel's own share of the score: under an average pool and a linear head it is exactly
    w_k mean(A^k), and the weights and the bias add up to the score.
    """
    activation, tail = taken.activations[layer], taken.tail(layer)

    def ablated(images: Tensor, channels: Tensor) -> Tensor:
        rows = activation[images]
        rows[torch.arange(len(rows), device=rows.device), channels] = 0
        return tail(rows, images)

    without = sweep(taken, activation.shape[1], taken.rows(layer), ablated)
    return weighted(taken, layer, taken.scores()[:, None] - without)


ABLATIONCAM = Method(
    "ablationcam",
    "Ablation-CAM",
    "Desai and Ramaswamy 2020",
    "https://openaccess.thecvf.com/content_WACV_2020/html/Desai_Ablation-CAM_Visual_Explanations_for_Deep_"
    "Convolutional_Network_via_Gradient-free_Localization_WACV_2020_paper.html",
    ablationcam,
    formula=r"\sum_k \big(y - y_{A^k=0}\big)\,A^k",
    about="Switches the channels off one by one and weights each with what the score loses without it. No "
    "gradient is involved, so nothing saturates. The paper also divides by the score; here that is left out, "
    "because it would turn the map over for a class with a negative score and change "
    "nothing for one with a positive score.",
    prefer="Where a gradient may mislead, as a check on Grad-CAM. It runs the network behind the layer once a "
    "channel: quick at the last stage, many forwards' worth at the first ones.",
    needs_tail=True,
)
