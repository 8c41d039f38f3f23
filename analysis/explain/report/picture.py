"""One image whose forward pass is kept: every class and every method asked of it later starts from there."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor, nn

from analysis.explain.engine.capture import Capture, Progress
from analysis.explain.engine.costs import Clock, Cost
from analysis.explain.engine.feature_map import LayerInfo, layer_info
from analysis.explain.engine.layers import stage_layers
from analysis.explain.engine.prepared import Setup, prepare
from analysis.explain.engine.targets import Target
from analysis.explain.errors import ExplainError, HeadError, InnerLayerError
from analysis.explain.head import Certificate, LinearHead, book_head, exact_head
from analysis.explain.methods import METHODS
from analysis.explain.probe import Probe
from analysis.explain.trace import trace

_MOST_SCORES = 4  # each keeps the gradients of every layer


@dataclass(frozen=True)
class MapNumbers:
    """What the metrics say of one signed map.

    Attributes
    ----------
    peak : (row, column) of the largest value; the first in reading order where several tie.
    alone : {metric: number}, of the map by itself.
    inside : {place: {metric: number}}, of the map and the mask of each place that there is in the picture.
    """

    peak: tuple[int, int]
    alone: dict[str, float]
    inside: dict[str, dict[str, float]]


@dataclass(frozen=True)
class MethodMap:
    """One method's map of one layer: (h, w) float32, signed, or None with the reason in `note`.

    `kind` says which CAM it is: "exact" (the network's own), "book" (the chapter's, an approximation),
    "probe" (of a linear probe on this layer) or "none"; it is "" for every other method. `certificate` is
    the proof of an exact or a book CAM, `numbers` what can be said of the map by itself.
    """

    title: str
    values: np.ndarray | None
    note: str = ""
    kind: str = ""
    certificate: Certificate | None = None
    numbers: MapNumbers | None = None


class SeenImage:
    """One image as one network saw it at each of its layers.

    Attributes
    ----------
    layers : LayerInfo of each, in forward order.
    logits : (K,) float32.
    setup : how the network was run, see `Setup`.
    forward : what the one forward pass cost.
    """

    def __init__(
        self,
        model: nn.Module,
        x: Tensor,
        probes: Mapping[str, Probe] | None = None,
        layers: Sequence[str] | None = None,
        precision: str = "fp32",
    ) -> None:
        if x.shape[0] != 1:
            raise ExplainError(f"a layer report is on one image, got a batch of {x.shape[0]}")
        if layers is None:
            layers = [info.name for info in stage_layers(model, x)]
        setup = prepare(model, x, precision, layers).setup  # once a network, so not part of the image's cost
        clock = Clock(x.device, setup.reference_ms)
        with clock.part("forward"):
            self._trace = trace(model, x, layers, precision, probes)
        self.forward = clock.costs()[0]
        self.probes, self.setup = probes or {}, self._trace.setup
        self._logits = self._trace.logits[0]
        self.logits: np.ndarray = self._logits.cpu().numpy()
        plain = self._trace.capture(gradients=False)
        self.layers = tuple(layer_info(name, plain.activations[name], x) for name in plain.activations)
        self.notes = plain.notes
        self._first: Target | None = None
        self._scores: OrderedDict[Target, ExplainedScore] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def probabilities(self) -> np.ndarray:
        """(K,) float32."""
        return self._logits.softmax(dim=0).cpu().numpy()

    def score(self, target: Target | None = None) -> ExplainedScore:
        """A class, a pair (a, b) for the score of a minus that of b, or None for the predicted class.

        The few asked for last are kept with their gradients. Raises ExplainError for a class that is not there.
        """
        chosen = int(self._logits.argmax()) if target is None else target
        with self._lock:
            self._first = chosen if self._first is None else self._first
            if chosen not in self._scores:
                clock = Clock(self._logits.device, self.setup.reference_ms)
                with clock.part("backward"):
                    taken = self._trace.capture(chosen)
                self._scores[chosen] = ExplainedScore(
                    chosen, taken, self.layers, self.setup, clock.costs()[0], first=self._first == chosen
                )
                while len(self._scores) > _MOST_SCORES:
                    self._scores.popitem(last=False)
            self._scores.move_to_end(chosen)
            return self._scores[chosen]


@dataclass(frozen=True, eq=False)
class ExplainedScore:
    """One score of a seen image, with the gradients of all layers from one backward pass.

    `layers` and `setup` are those of the image. `first` is the score that the forward pass was run for. A score
    does not refer to its `SeenImage`, which keeps it: of such a circle Python would free the tensors only when
    its collector runs.
    """

    target: Target
    taken: Capture
    layers: tuple[LayerInfo, ...]
    setup: Setup
    backward: Cost
    first: bool = True

    def method_map(self, method: str, layer: str, progress: Progress | None = None) -> tuple[MethodMap, Cost]:
        """One method's map of one layer, and what it cost; a method that refuses the layer says why.

        `progress` is told how many of how many passes are done, and may raise to cancel.
        """
        taken = self.taken if progress is None else replace(self.taken, progress=progress)
        clock = Clock(taken.logits.device, self.setup.reference_ms)
        with clock.part(method):
            try:
                found = self._cam(taken, layer) if method == "cam" else self._map(taken, layer, method)
            except ExplainError as refusal:
                found = MethodMap(METHODS[method].title, None, str(refusal), "none" if method == "cam" else "")
        return found, clock.costs()[0]

    def _map(self, taken: Capture, layer: str, method: str) -> MethodMap:
        known = METHODS[method]
        return MethodMap(known.title, known.maps(taken, layer)[0].float().cpu().numpy())

    def _cam(self, taken: Capture, layer: str) -> MethodMap:
        """The most truthful CAM there is for a layer: the network's own, else the book's, else the probe's."""
        try:
            note = "The network's own CAM: its mean plus the bias is the logit."
            return _of_head(taken, exact_head(taken, layer), "CAM (exact)", note)
        except InnerLayerError:
            reason, inner = "The network has no class weights at this layer.", True
        except HeadError as error:
            reason, inner = str(error), False
            try:
                head = book_head(taken, layer)
            except HeadError as book_error:
                reason = str(book_error)
            else:
                note = (
                    "The book's CAM, an approximation: these weights belong to hidden units, not to the channels."
                )
                return _of_head(taken, head, "CAM as in the book (approximation)", note)
        probe = taken.probes.get(layer)
        if probe is None:
            return MethodMap("CAM (none here)", None, reason, "none")
        note = f"CAM of a linear probe on this layer, right on {probe.accuracy:.1%} of the validation images."
        title = "CAM of a linear probe"
        if not np.isnan(probe.accuracy):
            title += f" (accuracy {probe.accuracy:.2f})"
        return MethodMap(
            title,
            probe.cam(self._activation(layer, probe), self.target),
            note if inner else f"{note} {reason}",
            "probe",
        )

    def _activation(self, layer: str, probe: Probe) -> np.ndarray:
        activation = self.taken.activations[layer][0]
        expected = (self.taken.logits.shape[1], len(activation))
        if probe.weight.shape != expected:
            raise ExplainError(
                f"the probe of layer {layer!r} has weights of shape {probe.weight.shape}, but the model has "
                f"{expected[0]} classes and the layer {expected[1]} channels; fit the probes again"
            )
        return activation.float().cpu().numpy()


def _of_head(taken: Capture, head: LinearHead, title: str, note: str) -> MethodMap:
    maps = head.maps(taken)
    return MethodMap(title, maps[0].float().cpu().numpy(), note, head.kind, head.certificates(taken, maps)[0])
