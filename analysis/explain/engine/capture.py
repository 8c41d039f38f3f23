"""What a method computes maps from: activations and gradients of a batch, and the network to compute more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor

from analysis.explain.engine.anatomy import Call
from analysis.explain.engine.gradients import Gradients
from analysis.explain.engine.resume import ResumedNetwork
from analysis.explain.engine.targets import Score
from analysis.explain.errors import ExplainError
from analysis.explain.probe import Probe

Progress = Callable[[int, int], None]

# The most numbers that a batch of changed activations may have; the layers after it need a few times as much.
_BATCH_NUMBERS = {"cpu": 2**22, "cuda": 2**26}
_MAX_BATCH = 512


class Source(Protocol):
    """The network that a Capture comes from."""

    def resume(self, layer: str) -> ResumedNetwork: ...
    def forward(self, x: Tensor) -> Tensor: ...
    def recapture(self, capture: Capture, x: Tensor, images: Tensor) -> Capture: ...
    def gradients_of(self, capture: Capture, logit_weights: Tensor) -> Gradients: ...


@dataclass(frozen=True)
class Capture:
    """What methods compute maps from; all tensors are detached, float32 (float64 in a float64 network).

    Attributes
    ----------
    x : (B, 3, H, W), the normalised images.
    logits : (B, K).
    score : the explained score of each image.
    activations : {layer: (B, C, h, w)}.
    gradients : {layer: (B, C, h, w)}, of each image's own score; empty where none were requested. Reading a layer
        that no gradient reaches raises LayerError with the reason.
    calls_after : {layer: the calls of childless modules after it}, in forward order.
    notes : sentences for the user, for instance on a module that is called several times.
    probes : {layer: its linear probe}.
    progress : called with (batches done, batches in all) by methods that run many; may raise to cancel.
    heads : {layer: its folded head}, a cache that the captures of one network share.
    source : the network, for methods that run it again; None in a capture made from tensors alone.
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
        """Turn one value for each class (K, ...) into the value of each image's score (B, ...).

        For a contrast this is the difference of the two classes' values. Raises ExplainError where a function of
        the logits is explained.
        """
        return self.score.of_class(per_class)

    def scores(self) -> Tensor:
        """Return the score (B,) of each image: a logit, a difference of two, or the value of a function."""
        return self.score.of(self.logits)

    def score_of(self, logits: Tensor, images: Tensor) -> Tensor:
        """Return the scores (N,) of logits (N, K), where example n belongs to image `images[n]` of the batch."""
        return self.score.of_examples(images, self.logits).of(logits)

    def logit_weights(self) -> Tensor:
        """Return the derivative (B, K) of each image's score in its logits."""
        return self.score.weights(self.logits)

    def gradients_of(self, logit_weights: Tensor) -> Gradients:
        """Return the gradients (B, C, h, w) by layer of the sum of logits times `logit_weights` (B, K)."""
        return self._source().gradients_of(self, logit_weights)

    def resume(self, layer: str) -> ResumedNetwork:
        """Return the network after a layer, to run it on other activations.

        Raises LayerError where the layer's reshape has no inverse.
        """
        return self._source().resume(layer)

    def batch_size(self, layer: str) -> int:
        """Return how many changed activations of a layer are run in one batch."""
        activation = self.activations[layer]
        budget = _BATCH_NUMBERS.get(activation.device.type, 2**22)
        return max(1, min(_MAX_BATCH, budget // activation[0].numel()))

    def recapture(self, x: Tensor, images: Tensor) -> Capture:
        """Return the capture of other images x (N, 3, H, W), example n with the score of image `images[n]`."""
        return self._source().recapture(self, x, images)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, K) of other images (N, 3, H, W)."""
        return self._source().forward(x)

    def _source(self) -> Source:
        if self.source is None:
            raise ExplainError(
                "this capture has no network, so this method cannot run; make the capture with trace"
            )
        return self.source
