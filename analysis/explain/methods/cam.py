"""Class activation maps: the network's own weights laid on its last feature map."""

from __future__ import annotations

from torch import Tensor

from analysis.explain.capture import Capture
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


CAM = Method("cam", "CAM", "Zhou et al. 2016, arXiv:1512.04150", needs_gradient=False, maps=cam)
BOOK_CAM = Method(
    "bookcam", "CAM as in the book", "Howard and Gugger 2020, chapter 18", needs_gradient=False, maps=bookcam
)
