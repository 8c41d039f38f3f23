"""What a method of words is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from analysis.words.network import EMBEDDING, Reading


@dataclass(frozen=True)
class Method:
    """A way to give every token of a text a signed number, in units of the explained score.

    The numbers of a word's tokens are added, so a method must not normalise them.

    Attributes
    ----------
    name : its key in `METHODS`.
    title : for people.
    values : `values(reading, layer)` returns (B, L), 0 at padding; raises ExplainError where the layer has none.
    embedding_title : the title at the embedding, where it is another one there.
    needs_gradient : it reads gradients; without it the backward pass is saved.
    needs_class_weights : it reads `Reading.class_weights`, which not every layer has.
    at_embedding : it explains the embedding rather than the last layer where no layer is named.
    """

    name: str
    title: str
    values: Callable[[Reading, str], Tensor]
    embedding_title: str = ""
    needs_gradient: bool = False
    needs_class_weights: bool = False
    at_embedding: bool = False

    def title_at(self, layer: str) -> str:
        """Return the title at a layer."""
        return self.embedding_title if layer == EMBEDDING and self.embedding_title else self.title
