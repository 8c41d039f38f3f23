"""Everything the Layers page and the command line show for one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.explain.agreement import Agreement
from analysis.explain.head import Certificate
from analysis.explain.layers import LayerInfo

__all__ = ["Agreement", "Certificate", "LayerInfo", "LayerReport", "LayerRow"]


@dataclass(frozen=True)
class LayerRow:
    """One layer of one image: its CAM beside its Grad-CAM.

    `cam` is (h, w) float32, signed, and `cam_kind` says what it is: "exact" (the network's own), "book"
    (the chapter's, an approximation), "probe" (of a linear probe on this layer) or "none" (then `cam`
    is None). `cam_note` is one sentence on it for the reader. `gradcam` is (h, w) float32, signed.
    """

    layer: LayerInfo
    label: str
    cam: np.ndarray | None
    cam_kind: str
    cam_note: str
    gradcam: np.ndarray
    probe_accuracy: float | None = None
    certificate: Certificate | None = None
    agreement: Agreement | None = None


@dataclass(frozen=True)
class LayerReport:
    """One image through the layers, in forward order.

    `image` is uint8 (S, S, 3) as the network saw it, `mask` and `shortcut` bool (S, S) or None.
    `logits` and `probabilities` are float32 (classes,). `target` is a class or a pair (a, b): score of a
    minus score of b; `target_label` says it in words ("dog", "dog rather than cat").
    """

    image: np.ndarray
    mask: np.ndarray | None
    shortcut: np.ndarray | None
    class_names: tuple[str, ...]
    logits: np.ndarray
    probabilities: np.ndarray
    target: int | tuple[int, int]
    target_label: str
    rows: tuple[LayerRow, ...]
