"""Class activation maps: the network's own class weights applied to its last feature map."""

from __future__ import annotations

from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.head import book_head, exact_head
from analysis.explain.methods.base import Method


def cam(capture: Capture, layer: str) -> Tensor:
    """Return the exact CAM (B, h, w), Zhou et al. 2016, eq. 2: sum over channels of w_c A_c.

    BatchNorm is folded into w. The map's mean plus the folded bias is the logit. Raises InnerLayerError at a layer
    that does not feed the average pool, HeadError where the head is not an average pool and affine layers.
    """
    return exact_head(capture, layer).maps(capture)


def bookcam(capture: Capture, layer: str) -> Tensor:
    """Return the CAM (B, h, w) of the fastai book, chapter 18: an approximation for its default head."""
    return book_head(capture, layer).maps(capture)


CAM = Method(
    "cam",
    "CAM",
    "Zhou et al. 2016",
    "https://arxiv.org/abs/1512.04150",
    cam,
    formula=r"\sum_k w_k\,A^k,\qquad \frac{1}{hw}\sum_{ij}\mathrm{CAM}_{ij} + b = y",
    about="Sums the channels of the last feature map with the network's own class weights. Where the head is an "
    "average pool, BatchNorm and Linear, the BatchNorm is folded into the weights and the map is exact: its "
    "mean plus the bias is the logit.",
    prefer="Wherever it exists: it is not an approximation but the score itself, distributed over the picture. It "
    "exists only at the last layer before the head.",
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
    prefer="To follow the book. Its residual shows by how much it misses the logit.",
)
