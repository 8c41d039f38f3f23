"""Texts of different lengths as batches: which ones go together, and the padding that fills a batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from analysis.learner.words.vocabulary import PAD


def padded(ids: Sequence[np.ndarray], device: torch.device | str | None = None) -> Tensor:
    """Return texts as one batch (B, L) int64, padded at the end; L is 1 where all are empty."""
    batch = np.full((len(ids), max([1, *map(len, ids)])), PAD, dtype=np.int64)
    for row, numbers in zip(batch, ids, strict=True):
        row[: len(numbers)] = numbers
    return torch.from_numpy(batch).to(device)


def by_length(lengths: Sequence[int], texts: int, tokens: int | None = None) -> list[np.ndarray]:
    """Return batches of indices, the longest texts first, so that little is padded.

    Parameters
    ----------
    lengths : the number of tokens of each text
    texts : the most texts of one batch
    tokens : the most tokens of one batch, padding included; a text that is longer is a batch of its own
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    batches: list[np.ndarray] = []
    start = 0
    while start < len(order):
        longest = max(1, lengths[order[start]])
        size = texts if tokens is None else max(1, min(texts, tokens // longest))
        batches.append(order[start : start + size])
        start += size
    return batches
