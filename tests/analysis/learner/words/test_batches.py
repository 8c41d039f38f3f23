"""Batches of texts: every text once, within the bounds, and padding only at the end."""

from __future__ import annotations

import numpy as np
import torch

from analysis.learner.words.batches import by_length, padded


def test_texts_are_padded_at_the_end() -> None:
    batch = padded([np.array([5, 6, 7]), np.array([8]), np.array([], dtype=np.int64)])
    assert batch.tolist() == [[5, 6, 7], [8, 1, 1], [1, 1, 1]]
    assert batch.dtype == torch.int64
    assert padded([np.array([], dtype=np.int64)], "cpu").tolist() == [[1]]


def test_the_longest_texts_come_first_and_equal_ones_in_their_order() -> None:
    assert [part.tolist() for part in by_length([2, 9, 2, 5, 9], 2)] == [[1, 4], [3, 0], [2]]
    assert by_length([], 4) == []


def test_a_batch_keeps_to_its_tokens_with_the_padding_counted() -> None:
    lengths = [5, 0, 300, 7, 7, 2, 90]
    parts = [part.tolist() for part in by_length(lengths, 3, tokens=21)]
    # 300 and 90 alone; then three times 7 = 21, of which 5 is padded to 7; then 2 and 0
    assert parts == [[2], [6], [3, 4, 0], [5, 1]]
    assert sorted(place for part in parts for place in part) == list(range(len(lengths)))
    assert [part.tolist() for part in by_length([0] * 5, 2, tokens=100)] == [[0, 1], [2, 3], [4]]


def test_no_batch_is_wider_than_its_bounds() -> None:
    lengths = np.random.default_rng(0).integers(0, 80, 500).tolist()
    parts = by_length(lengths, 16, tokens=256)
    for part in parts:
        widest = max(1, *(lengths[place] for place in part))
        assert len(part) <= 16
        assert len(part) == 1 or widest * len(part) <= 256
    assert sorted(np.concatenate(parts).tolist()) == list(range(500))
