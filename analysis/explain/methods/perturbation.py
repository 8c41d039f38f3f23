"""Scores of many changed activations or images, in batches: what the gradient-free methods share."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture

# How many images go through the whole network in one batch.
IMAGE_BATCH = 32

# (images (N,) int64, changes (N,) int64) -> logits (N, K) of those images with those changes
Logits = Callable[[Tensor, Tensor], Tensor]


def perturbed_scores(capture: Capture, changes: int, batch_size: int, logits: Logits) -> Tensor:
    """Return the score (B, changes) of every image under each of a number of changes, without a graph.

    Parameters
    ----------
    capture : the images; its `progress` is called after every batch, and may raise to cancel.
    changes : how many changes there are.
    batch_size : the most pairs of image and change in one call of `logits`, so that memory stays small.
    logits : called with images (N,) and changes (N,), both int64, image by image; returns logits (N, K).
    """
    total = capture.logits.shape[0] * changes
    scores = []
    with torch.no_grad():
        for start in range(0, total, batch_size):
            stop = min(start + batch_size, total)
            pairs = torch.arange(start, stop, device=capture.logits.device)
            images = pairs // changes
            scores.append(capture.score_of(logits(images, pairs % changes), images))
            capture.progress(stop, total)
    return torch.cat(scores).view(-1, changes)


def weighted(capture: Capture, layer: str, weights: Tensor) -> Tensor:
    """Return the sum of a layer's channels (B, C, h, w) with weights (B, C): maps (B, h, w)."""
    activation = capture.activations[layer]
    return torch.einsum("bc,bchw->bhw", weights.to(activation.dtype), activation)


def unit_range(maps: Tensor) -> Tensor:
    """Return each map (..., h, w) shifted and scaled to 0..1; a constant map, which marks no place, becomes 0."""
    low = maps.amin((-2, -1), keepdim=True)
    span = maps.amax((-2, -1), keepdim=True) - low
    return torch.where(span > 0, (maps - low) / span, 0)
