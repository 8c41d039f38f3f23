"""One image whose forward pass is kept, so that every class and every method starts from it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor, nn

from analysis.explain.engine.capture import Capture, Progress
from analysis.explain.engine.clock import Clock, Cost
from analysis.explain.engine.feature_map import LayerInfo, layer_info
from analysis.explain.engine.layers import stage_layers
from analysis.explain.engine.preparation import Setup, prepare
from analysis.explain.engine.targets import Target
from analysis.explain.errors import ExplainError, HeadError, InnerLayerError
from analysis.explain.head import Certificate, LinearHead, book_head, exact_head
from analysis.explain.methods import METHODS
from analysis.explain.probe import Probe
from analysis.explain.trace import trace

_MAX_SCORES = 4  # each keeps the gradients of every layer


@dataclass(frozen=True)
class MapNumbers:
    """The metrics of one signed map.

    Attributes
    ----------
    peak : (row, column) of the largest value; the first in reading order where several tie.
    alone : {metric: number} of the map by itself.
    inside : {place: {metric: number}} of the map and the mask of each marked place, "animal" or "shortcut".
    """

    peak: tuple[int, int]
    alone: dict[str, float]
    inside: dict[str, dict[str, float]]


@dataclass(frozen=True)
class MethodMap:
    """The map of one layer by one method.

    Attributes
    ----------
    title : for the reader.
    values : (h, w) float32, signed; None where there is no map.
    note : a sentence about the map, or the reason why there is none.
    kind : of a CAM, "exact" (the network's own), "book" (the chapter's, an approximation), "probe" (of a linear
        probe on this layer) or "none"; "" for every other method.
    certificate : how well the CAM adds up to the logit; only for an exact or a book CAM.
    numbers : the metrics of the map.
    """

    title: str
    values: np.ndarray | None
    note: str = ""
    kind: str = ""
    certificate: Certificate | None = None
    numbers: MapNumbers | None = None


class TracedImage:
    """One image and the trace of its forward pass through a network.

    Parameters
    ----------
    model : the classifier; it is not changed.
    x : (1, 3, H, W), normalised. Another batch size raises ExplainError.
    probes : {layer: its linear probe}.
    layers : names; by default the stages of the network.
    precision : "fp32" or "bf16".

    Attributes
    ----------
    layers : the LayerInfo of each layer, in forward order.
    logits : (K,) float32.
    setup : how the network was run, see `Setup`.
    forward : the cost of the forward pass.
    notes : sentences about layers, for instance on a module that is called several times.
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
        setup = prepare(model, x, precision, layers).setup  # once for each network, not each image
        clock = Clock(x.device, setup.reference_ms)
        with clock.part("forward"):
            self._trace = trace(model, x, layers, precision, probes)
        self.forward = clock.costs()[0]
        self.probes, self.setup = probes or {}, self._trace.setup
        self._logits = self._trace.logits[0]
        self.logits: np.ndarray = self._logits.cpu().numpy()
        capture = self._trace.capture(gradients=False)
        self.layers = tuple(layer_info(name, values, x) for name, values in capture.activations.items())
        self.notes = capture.notes
        self._first: Target | None = None
        self._scores: OrderedDict[Target, ExplainedScore] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def probabilities(self) -> np.ndarray:
        """The softmax of the logits, (K,) float32."""
        return self._logits.softmax(dim=0).cpu().numpy()

    def score(self, target: Target | None = None) -> ExplainedScore:
        """Return the score of a class, of the predicted class (None), or of a pair (a, b): a's minus b's.

        The last few scores are kept with their gradients. Raises ExplainError for a class that does not exist.
        """
        chosen = int(self._logits.argmax()) if target is None else target
        with self._lock:
            self._first = chosen if self._first is None else self._first
            if chosen not in self._scores:
                clock = Clock(self._logits.device, self.setup.reference_ms)
                with clock.part("backward"):
                    capture = self._trace.capture(chosen)
                self._scores[chosen] = ExplainedScore(
                    chosen, capture, self.layers, self.setup, clock.costs()[0], first=self._first == chosen
                )
                while len(self._scores) > _MAX_SCORES:
                    self._scores.popitem(last=False)
            self._scores.move_to_end(chosen)
            return self._scores[chosen]


@dataclass(frozen=True, eq=False)
class ExplainedScore:
    """One score of a traced image, with the gradients at all layers from one backward pass.

    A score does not refer to its `TracedImage`, which refers to the score: Python frees the tensors of such a
    reference cycle only when its garbage collector runs.

    Attributes
    ----------
    target : a class, or a pair of classes.
    capture : activations and gradients.
    layers, setup : those of the image.
    backward : the cost of the backward pass.
    first : whether this was the image's first score, so that the forward pass counts as part of its cost.
    """

    target: Target
    capture: Capture
    layers: tuple[LayerInfo, ...]
    setup: Setup
    backward: Cost
    first: bool = True

    def method_map(self, method: str, layer: str, progress: Progress | None = None) -> tuple[MethodMap, Cost]:
        """Return one method's map of one layer, and its cost; where there is no map, its note has the reason.

        `progress` is called with (passes done, passes in all), and may raise to cancel.
        """
        capture = self.capture if progress is None else replace(self.capture, progress=progress)
        clock = Clock(capture.logits.device, self.setup.reference_ms)
        with clock.part(method):
            try:
                method_map = self._cam(capture, layer) if method == "cam" else self._map(capture, layer, method)
            except ExplainError as refusal:
                kind = "none" if method == "cam" else ""
                method_map = MethodMap(METHODS[method].title, None, str(refusal), kind)
        return method_map, clock.costs()[0]

    def _map(self, capture: Capture, layer: str, method: str) -> MethodMap:
        chosen = METHODS[method]
        return MethodMap(chosen.title, chosen.maps(capture, layer)[0].float().cpu().numpy())

    def _cam(self, capture: Capture, layer: str) -> MethodMap:
        """Return the best CAM of a layer: the network's own, else the book's, else that of a linear probe."""
        try:
            note = "The network's own CAM: its mean plus the bias is the logit."
            return _head_map(capture, exact_head(capture, layer), "CAM (exact)", note)
        except InnerLayerError:
            reason, inner = "The network has no class weights at this layer.", True
        except HeadError as error:
            reason, inner = str(error), False
            try:
                head = book_head(capture, layer)
            except HeadError as book_error:
                reason = str(book_error)
            else:
                note = (
                    "The book's CAM, an approximation: these weights belong to hidden units, not to the channels."
                )
                return _head_map(capture, head, "CAM as in the book (approximation)", note)
        probe = capture.probes.get(layer)
        if probe is None:
            return MethodMap("CAM (none here)", None, reason, "none")
        note = f"CAM of a linear probe on this layer, right for {probe.accuracy:.1%} of the validation images."
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
        activation = self.capture.activations[layer][0]
        expected = (self.capture.logits.shape[1], len(activation))
        if probe.weight.shape != expected:
            raise ExplainError(
                f"the probe of layer {layer!r} has weights of shape {probe.weight.shape}, but the model has "
                f"{expected[0]} classes and the layer {expected[1]} channels; fit the probes again"
            )
        return activation.float().cpu().numpy()


def _head_map(capture: Capture, head: LinearHead, title: str, note: str) -> MethodMap:
    maps = head.maps(capture)
    return MethodMap(title, maps[0].float().cpu().numpy(), note, head.kind, head.certificates(capture, maps)[0])
