"""What a method makes maps from: activations and gradients of a batch, and ways to ask the network more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor

from analysis.explain.engine.anatomy import Call
from analysis.explain.engine.gradients import Gradients
from analysis.explain.engine.resume import Tail
from analysis.explain.engine.targets import Score
from analysis.explain.errors import ExplainError
from analysis.explain.probe import Probe

Progress = Callable[[int, int], None]

# How many numbers of one layer a batch of changed activations may hold; the layers after it hold a few times more.
_ROWS_OF_NUMBERS = {"cpu": 2**22, "cuda": 2**26}
_MOST_ROWS = 512


class Source(Protocol):
    """The network behind a Capture."""

    def tail(self, layer: str) -> Tail: ...
    def forward(self, x: Tensor) -> Tensor: ...
    def again(self, taken: Capture, x: Tensor, images: Tensor) -> Capture: ...
    def gradients_of(self, taken: Capture, cotangent: Tensor) -> Gradients: ...


@dataclass(frozen=True)
class Capture:
    """What the methods make maps from; float32 (float64 in a float64 network), detached.

    Attributes
    ----------
    x : (B, 3, H, W), the pictures as the network takes them.
    logits : (B, K).
    score : what is explained of each image.
    activations : {layer: (B, C, h, w)}.
    gradients : {layer: (B, C, h, w)}, of each image's own score; empty where none were asked for. Reading a layer
        that no gradient reaches raises LayerError with the reason.
    calls_after : {layer: the childless modules called after it}, in forward order.
    notes : sentences for the reader, for instance on a module that is called several times.
    probes : {layer: its linear probe}, where there are any.
    progress : told how many of how many batches a method has done; may raise to cancel.
    heads : what was folded before, by layer; shared between the captures of one network.
    """

    x: Tensor
    logits: Tensor
    score: Score
    activations: dict[str, Tensor]
    gradients: Gradients
    calls_after: Mapping[str, tuple[Call, ...]]
    notes: tuple[str, ...] = ()
    probes: Mapping[str, Probe] = field(default_factory=dict)
    progress: Progress = lambda done, total: None
    heads: dict[Any, Any] = field(default_factory=dict)
    source: Source | None = None

    @property
    def targets(self) -> Tensor | None:
        """(B,) int64, the class explained for each image; None where a function is explained."""
        return self.score.targets

    @property
    def against(self) -> Tensor | None:
        """(B,) int64, the classes that the targets are contrasted with, or None."""
        return self.score.against

    def of_score(self, per_class: Tensor) -> Tensor:
        """Turn a value for each class (K, ...) into that of each image's score (B, ...), contrasts included.

        Raises ExplainError where a function of the logits is explained.
        """
        return self.score.of_class(per_class)

    def scores(self) -> Tensor:
        """Return the explained number (B,) of each image: a logit, a difference of two, or a function's value."""
        return self.score.of(self.logits)

    def score_of(self, logits: Tensor, images: Tensor) -> Tensor:
        """Return the explained number (N,) in logits (N, K), each row taken for the image (N,) it belongs to."""
        return self.score.of_rows(images, self.logits).of(logits)

    def cotangent(self) -> Tensor:
        """Return the derivative (B, K) of each image's score in its logits."""
        return self.score.weights(self.logits)

    def gradients_of(self, cotangent: Tensor) -> Gradients:
        """Return {layer: (B, C, h, w)}, gradients of the score that weights the logits with `cotangent` (B, K)."""
        return self._source().gradients_of(self, cotangent)

    def tail(self, layer: str) -> Tail:
        """Return the network after a layer, to be run on other activations."""
        return self._source().tail(layer)

    def rows(self, layer: str) -> int:
        """Return how many changed activations of a layer go into one batch."""
        activation = self.activations[layer]
        budget = _ROWS_OF_NUMBERS.get(activation.device.type, 2**22)
        return max(1, min(_MOST_ROWS, budget // activation[0].numel()))

    def again(self, x: Tensor, images: Tensor) -> Capture:
        """Return the same for other pictures (N, 3, H, W), each explained for the score of its image (N,)."""
        return self._source().again(self, x, images)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, K) of other pictures (N, 3, H, W)."""
        return self._source().forward(x)

    def _source(self) -> Source:
        if self.source is None:
            raise ExplainError("this capture was made by hand and has no network to ask")
        return self.source
