"""The head of a classifier as one matrix, where it is one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Certificate:
    """What the CAM's mean over the map plus the bias says beside the network's own number.

    `kind` is "exact" (the residual is float error) or "book" (the chapter's CAM, which is only near).
    `logit` is the target's logit, or the difference of the two logits for a pair;
    `residual` = `mean_plus_bias` - `logit`.
    """

    kind: str
    mean_plus_bias: float
    logit: float
    residual: float
