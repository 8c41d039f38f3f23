"""Class activation maps: the network's own weights laid on its last feature map."""

from __future__ import annotations

from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.head import book_head, exact_head
from analysis.explain.methods.base import Method


def cam(taken: Capture, layer: str) -> Tensor:
    """Exact CAM (B, h, w), Zhou et al. 2016, eq. 2: sum over channels of w_c A_c, BatchNorm folded into w.

    Its mean over the map plus the folded bias is the logit. Raises InnerLayerError at a layer that does
    not feed the average pool, HeadError where the head is not average pool -> affine layers.
    """
    return exact_head(taken, layer).maps(taken)


def bookcam(taken: Capture, layer: str) -> Tensor:
    """The CAM (B, h, w) as the fastai book's chapter 18 computes it, an approximation for its default head."""
    return book_head(taken, layer).maps(taken)


CAM = Method(
    "cam",
    "CAM",
    "Zhou et al. 2016",
    "https://arxiv.org/abs/1512.04150",
    cam,
    formula=r"\sum_k w_k\,A^k,\qquad \frac{1}{hw}\sum_{ij}\mathrm{CAM}_{ij} + b = y",
    about="Lays the network's own class weights on its last feature map. Where the head is average pool, "
    "BatchNorm and Linear the BatchNorm is folded into the weights and the map is exact: its mean plus "
    "the bias is the logit.",
    prefer="Wherever it exists: it is not an approximation but the score itself, spread over the picture. It "
    "exists only at the layer that feeds the head.",
)
BOOK_CAM = Method(
    "bookcam",
    "CAM as in the book",
    "Howard and Gugger 2020, chapter 18",
    "https://github.com/fastai/fastbook/blob/master/18_CAM.ipynb",
    bookcam,
    formula=r"\sum_k w^{\mathrm{last}}_k\,A^k",
    about="The book's product of the last Linear layer's weights with the channels of the body. In fastai's "
    "default head those weights belong to hidden units, not to channels, so it is an approximation at "
    "best.",
    prefer="To follow the book; its residual says by how much it misses the logit.",
)
