"""A capture made by hand: from tensors, or from a network cut in two, without hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tests.analysis.explain.networks import split

LAYER = "layer"


@dataclass
class HandCapture:
    """The part of a Capture that a method reads, for one layer called "layer".

    `back` goes from the activation (N, C, h, w) to logits (N, K); where it is given, gradients come from it.
    """

    activation: Tensor
    gradient: Tensor | None = None
    back: Callable[[Tensor], Tensor] | None = None
    targets: Tensor | None = None
    against: Tensor | None = None
    probes: Mapping[str, Any] = field(default_factory=dict)
    logits: Tensor | None = None
    at_once: int = 100
    sizes: list[int] = field(default_factory=list)  # the batch size of each run of the rest of the network

    def __post_init__(self) -> None:
        batch = len(self.activation)
        if self.targets is None:
            self.targets = torch.zeros(batch, dtype=torch.int64)
        if self.back is not None:
            self.logits = self.back(self.activation).detach()
        if self.gradient is None and self.back is not None:
            self.gradient = self.gradients_of(self.logit_weights())[LAYER]

    @property
    def activations(self) -> dict[str, Tensor]:
        return {LAYER: self.activation}

    @property
    def gradients(self) -> dict[str, Tensor]:
        return {LAYER: self.gradient}

    def logit_weights(self) -> Tensor:
        weights = torch.zeros_like(self.logits).scatter(1, self.targets[:, None], 1.0)
        if self.against is not None:
            weights = weights - torch.zeros_like(self.logits).scatter(1, self.against[:, None], 1.0)
        return weights

    def of_score(self, per_class: Tensor) -> Tensor:
        chosen = per_class[self.targets]
        return chosen if self.against is None else chosen - per_class[self.against]

    def score_of(self, logits: Tensor, images: Tensor) -> Tensor:
        return (logits * self.logit_weights()[images]).sum(1)

    def gradients_of(self, logit_weights: Tensor) -> dict[str, Tensor]:
        point = self.activation.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad((self.back(point) * logit_weights).sum(), point)
        return {LAYER: gradient}

    def resume(self, layer: str) -> Callable[[Tensor, Tensor], Tensor]:
        def run(activation: Tensor, images: Tensor) -> Tensor:
            self.sizes.append(len(activation))
            return self.back(activation)

        return run

    def batch_size(self, layer: str) -> int:
        return self.at_once


def rectified(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Random values as a ReLU outputs them."""
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed)).clamp(min=0)


def signed(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def cut(net: nn.Sequential, x: Tensor, at: int, target: int, against: int | None = None) -> HandCapture:
    """Return the capture at module 0.`at` of `explain.networks.classifier`, the same score for every image."""
    front, back = split(net, at)
    classes = [None if c is None else torch.full((len(x),), c) for c in (target, against)]
    return HandCapture(front(x).detach(), back=back, targets=classes[0], against=classes[1])
