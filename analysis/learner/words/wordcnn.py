"""A convolutional text classifier whose last step is an average over the words: CAM over words is exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from analysis.learner.words.vocabulary import PAD


class Block(nn.Module):
    """A convolution over neighbouring words, ReLU and dropout; exactly 0 where there is no word."""

    def __init__(self, channels_in: int, channels: int, kernel: int, dropout: float) -> None:
        """Make a block; an odd kernel size lets each output belong to the word in the middle of its window."""
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"kernel is {kernel}; give an odd number of words.")
        self.convolution = nn.Conv1d(channels_in, channels, kernel, padding=kernel // 2)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return (B, channels, L) from x (B, channels_in, L) and mask (B, 1, L)."""
        # without the mask, the bias would write into the padding, and the next block read it from there
        return self.dropout(self.relu(self.convolution(x))) * mask


class WordCNN(nn.Module):
    """Embedding, convolutions, the mean over the words of a review, and a linear layer.

    So the logit of class c is the mean over the words of `head.weight[c] @ features[:, word]`, plus
    `head.bias[c]`: the values that the mean is of are the CAM. Padding changes nothing, whatever its length,
    and a review without words gets the bias alone.

    Attributes
    ----------
    embedding : (B, L) int64 -> (B, L, E)
    blocks : each (B, K, L), (B, 1, L) -> (B, K', L)
    head : (B, K) -> (B, C)
    """

    def __init__(
        self,
        vocabulary_size: int,
        classes: int,
        embedding: int = 32,
        channels: int = 64,
        kernels: Sequence[int] = (3, 3),
        dropout: float = 0.5,
    ) -> None:
        """Make the network with random weights."""
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding, padding_idx=PAD)
        with torch.no_grad():
            self.embedding.weight.mul_(0.1)  # PyTorch's own spread of 1 is far from where training ends
        self.embedding_dropout = nn.Dropout1d(dropout)  # whole words
        sizes = [embedding, *[channels] * len(kernels)]
        self.blocks = nn.ModuleList(
            Block(inside, outside, kernel, dropout)
            for inside, outside, kernel in zip(sizes, sizes[1:], kernels, strict=False)
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(sizes[-1], classes)

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits (B, C) float32 from token ids (B, L) int64, padded with `PAD`."""
        return self.from_embedded(self.embedding(ids), self.mask(ids))

    def mask(self, ids: Tensor) -> Tensor:
        """Return (B, 1, L) in the network's type: 1 at words, 0 at padding."""
        return (ids != PAD).unsqueeze(1).to(self.embedding.weight.dtype)

    def features(self, ids: Tensor) -> Tensor:
        """Return the last block's output (B, K, L), 0 at padding."""
        mask = self.mask(ids)
        x = self.embedding_dropout(self.embedding(ids)).transpose(1, 2)
        for block in self.blocks:
            x = block(x, mask)
        return x

    def layers(self, embedded: Tensor, mask: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield each layer's name and output (B, K, L), without dropout of words, from embedded words (B, L, E).

        The first is "embedding", then "blocks.0" and so on.
        """
        x = embedded.transpose(1, 2)
        yield "embedding", x
        for place, block in enumerate(self.blocks):
            x = block(x, mask)
            yield f"blocks.{place}", x

    def from_embedded(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Return logits (B, C) from the embedding's output (B, L, E) and the mask (B, 1, L)."""
        return self.from_block(self.embedding_dropout(embedded).transpose(1, 2), mask, 0)

    def from_block(self, x: Tensor, mask: Tensor, start: int) -> Tensor:
        """Return logits (B, C) from the output of block `start - 1` (B, K, L): run the blocks after it."""
        for block in self.blocks[start:]:
            x = block(x, mask)
        return self.head(self.dropout(self.pool(x, mask)))

    @staticmethod
    def pool(features: Tensor, mask: Tensor) -> Tensor:
        """Return the mean over the words (B, K) of (B, K, L); 0 for a review without words."""
        return (features * mask).sum(dim=2) / mask.sum(dim=2).clamp(min=1)
