"""Many small changes of one activation or picture, scored in batches: what the gradient-free methods share."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture

# How many pictures go through the whole network at once.
PICTURES = 32

# (images (N,) int64, trials (N,) int64) -> logits (N, K) of those images under those trials
Logits = Callable[[Tensor, Tensor], Tensor]


def sweep(taken: Capture, trials: int, rows: int, logits: Logits) -> Tensor:
    """Score every image of the batch under each of `trials` changes: (B, trials), without a graph.

    `logits(images, trials)` is asked for at most `rows` pairs at a time, image by image; no more than that
    stands in memory. `taken.progress` hears of every batch and may raise; nothing is left behind then.
    """
    total = taken.logits.shape[0] * trials
    scores = []
    with torch.no_grad():
        for start in range(0, total, rows):
            stop = min(start + rows, total)
            row = torch.arange(start, stop, device=taken.logits.device)
            images = row // trials
            scores.append(taken.score_of(logits(images, row % trials), images))
            taken.progress(stop, total)
    return torch.cat(scores).view(-1, trials)


def weighted(taken: Capture, layer: str, weights: Tensor) -> Tensor:
    """Channels (B, C, h, w) of a layer summed with weights (B, C): maps (B, h, w)."""
    activation = taken.activations[layer]
    return torch.einsum("bc,bchw->bhw", weights.to(activation.dtype), activation)


def unit_range(maps: Tensor) -> Tensor:
    """Each map (..., h, w) shifted and scaled to 0..1; a constant one, which says nothing of place, to 0."""
    low = maps.amin((-2, -1), keepdim=True)
    span = maps.amax((-2, -1), keepdim=True) - low
    return torch.where(span > 0, (maps - low) / span, 0)
