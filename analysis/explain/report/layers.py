"""The report of one image: the maps of several methods at every layer, and how far they agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from analysis.explain.engine.clock import Cost
from analysis.explain.engine.feature_map import LayerInfo
from analysis.explain.engine.preparation import Setup
from analysis.explain.engine.targets import Target, target_label
from analysis.explain.errors import ExplainError
from analysis.explain.measures import measure
from analysis.explain.measures.fusion import fuse
from analysis.explain.measures.localisation import peak
from analysis.explain.methods import METHODS, methods_named
from analysis.explain.report.picture import ExplainedScore, MapNumbers, MethodMap, TracedImage

DEFAULT_METHODS = ("cam", "gradcam")
FUSED = {"mean": "Mean of the layers", "max": "Maximum of the layers", "tanh": "Scaled tanh (LayerCAM, eq. 9)"}

# (method, layers done, layers in all, passes done at this layer, passes in all)
MethodProgress = Callable[[str, int, int, int, int], None]


@dataclass(frozen=True)
class MethodMaps:
    """The maps of one method for one score.

    Attributes
    ----------
    method : the method's name.
    maps : {layer: its map}; only some of the layers where the work was stopped.
    cost : the time of all of them together.
    """

    method: str
    maps: Mapping[str, MethodMap]
    cost: Cost


@dataclass(frozen=True)
class LayerRow:
    """One layer of one image.

    Attributes
    ----------
    layer : the layer.
    label : for the reader, for instance "Stage 4 · 512 × 7 × 7".
    maps : {method: its map}, in the chosen order.
    agreement : {method: {metric: number}}, each method compared with the report's reference, where both have a
        map.
    probe_accuracy : of the layer's linear probe, 0..1; None without a probe.
    note : a sentence about the layer itself, or "".
    """

    layer: LayerInfo
    label: str
    maps: dict[str, MethodMap]
    agreement: dict[str, dict[str, float]] = field(default_factory=dict)
    probe_accuracy: float | None = None
    note: str = ""


@dataclass(frozen=True)
class LayerReport:
    """One image through the layers of a network.

    Attributes
    ----------
    image : uint8 (S, S, 3), at the network's input size.
    mask, shortcut : bool (S, S), where the animal and the shortcut are, or None.
    class_names : (K,), in the order of the logits.
    logits, probabilities : (K,) float32.
    target : the explained class, or a pair (a, b) for the score of a minus the score of b.
    target_label : the target as text, "dog" or "dog rather than cat".
    methods : names of the chosen methods.
    rows : one per layer, in forward order.
    costs : the time of the passes and of each method; without a forward pass where the image's own was used
        before.
    setup : how the network was run.
    """

    image: np.ndarray
    mask: np.ndarray | None
    shortcut: np.ndarray | None
    class_names: tuple[str, ...]
    logits: np.ndarray
    probabilities: np.ndarray
    target: Target
    target_label: str
    methods: tuple[str, ...]
    rows: tuple[LayerRow, ...]
    costs: tuple[Cost, ...]
    setup: Setup

    @property
    def reference(self) -> str:
        """The method that the others are compared with: CAM if it was chosen, else the first."""
        return "cam" if "cam" in self.methods else self.methods[0]

    @property
    def places(self) -> dict[str, np.ndarray]:
        """{place: mask, bool (S, S)} of what is marked in the image: "animal", "shortcut"."""
        return _places(self.mask, self.shortcut)


def method_maps(
    score: ExplainedScore,
    method: str,
    mask: np.ndarray | None = None,
    shortcut: np.ndarray | None = None,
    done: MethodMaps | None = None,
    progress: MethodProgress | None = None,
) -> Iterator[MethodMaps]:
    """Compute the maps of one method layer by layer, the last layer first; yield all maps so far after each.

    The last layers tell most and take the least time, so a method that is stopped early has shown these.

    Parameters
    ----------
    score : the explained score of an image.
    method : a name in `METHODS`.
    mask, shortcut : bool (S, S), where the animal and the shortcut are, for the metrics.
    done : the maps of an earlier call that was stopped; they are not computed again.
    progress : called with (method, layers done, layers in all, passes done at this layer, passes in all); may
        raise to stop.
    """
    names = [layer.name for layer in score.layers]
    maps = dict(done.maps) if done is not None else {}
    cost = done.cost if done is not None else Cost(method, 0.0, 0.0)
    for name in reversed([name for name in names if name not in maps]):
        layer_progress = _layer_progress(progress, method, len(maps), len(names))
        method_map, layer_cost = score.method_map(method, name, layer_progress)
        if method_map.values is not None:
            numbers = map_numbers(method_map.values, _places(mask, shortcut))
            method_map = replace(method_map, numbers=numbers)
        maps[name] = method_map
        cost = Cost(method, cost.ms + layer_cost.ms, cost.forwards + layer_cost.forwards)
        yield MethodMaps(method, dict(maps), cost)


def map_numbers(values: np.ndarray, places: Mapping[str, np.ndarray]) -> MapNumbers:
    """Return the metrics of one signed map (h, w); `places` are masks by name, bool (H, W) over the image."""
    return MapNumbers(
        peak=peak(values),
        alone=measure(map=values),
        inside={place: measure(map=values, mask=mask) for place, mask in places.items()},
    )


def _places(mask: np.ndarray | None, shortcut: np.ndarray | None) -> dict[str, np.ndarray]:
    return {place: area for place, area in (("animal", mask), ("shortcut", shortcut)) if area is not None}


def _layer_progress(
    progress: MethodProgress | None, method: str, done: int, layers: int
) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda passes, total: progress(method, done, layers, passes, total)


def layer_report(
    traced: TracedImage,
    image: np.ndarray,
    class_names: Sequence[str],
    target: Target | None = None,
    methods: Sequence[str] = DEFAULT_METHODS,
    mask: np.ndarray | None = None,
    shortcut: np.ndarray | None = None,
    maps: Mapping[str, MethodMaps] | None = None,
) -> LayerReport:
    """Explain one image at every layer of its trace, by each of the methods.

    Parameters
    ----------
    traced : the image and its forward pass.
    image : the same image, uint8 (S, S, 3).
    class_names : in the order of the logits.
    target : a class, a pair (a, b) for why a rather than b, or None for the predicted class.
    methods : names in `METHODS`.
    mask, shortcut : bool (S, S), where the animal and the shortcut are.
    maps : {method: its maps of this score} computed before; a method or layer that is missing in it gets a note in
        place of a map. None computes all maps here.

    Raises
    ------
    UnknownNameError : an unknown method.
    ExplainError : the target or the class names do not fit.
    """
    chosen = [method.name for method in methods_named(methods)]
    if len(class_names) != len(traced.logits):
        raise ExplainError(
            f"{len(class_names)} class names were given, but the model has {len(traced.logits)} classes"
        )
    score = traced.score(target)
    results = {
        name: _whole_maps(score, name, mask, shortcut)
        if maps is None
        else maps.get(name, MethodMaps(name, {}, Cost(name, 0.0, 0.0)))
        for name in chosen
    }
    passes = (traced.forward, score.backward) if score.first else (score.backward,)
    rows = [_row(traced, position, results) for position in range(len(traced.layers))]
    return LayerReport(
        image=image,
        mask=mask,
        shortcut=shortcut,
        class_names=tuple(class_names),
        logits=traced.logits,
        probabilities=traced.probabilities,
        target=score.target,
        target_label=target_label(score.target, class_names),
        methods=tuple(chosen),
        rows=tuple(rows),
        costs=(*passes, *(method_result.cost for method_result in results.values())),
        setup=traced.setup,
    )


def fused_maps(report: LayerReport, method: str) -> tuple[MethodMap, ...]:
    """Return one method's layers fused into one map at the finest resolution, once for each way in `FUSED`.

    Each layer is divided by its largest absolute value first; otherwise the layer with the largest gradients would
    hide the others. Empty where fewer than two layers have a map.
    """
    layers = [row.maps[method].values for row in report.rows]
    layer_maps = [values for values in layers if values is not None]
    if len(layer_maps) < 2:
        return ()
    scaled = [torch.from_numpy(values / max(float(np.abs(values).max()), 1e-30))[None] for values in layer_maps]
    note = f"{len(layer_maps)} layers, each divided by its largest value."
    return tuple(MethodMap(title, fuse(scaled, how)[0].numpy(), note) for how, title in FUSED.items())


def _whole_maps(
    score: ExplainedScore, method: str, mask: np.ndarray | None, shortcut: np.ndarray | None
) -> MethodMaps:
    *_, last = method_maps(score, method, mask, shortcut)
    return last


def _row(traced: TracedImage, position: int, results: Mapping[str, MethodMaps]) -> LayerRow:
    layer = traced.layers[position]
    maps = {
        name: result.maps.get(layer.name) or MethodMap(METHODS[name].title, None, "Not computed yet.")
        for name, result in results.items()
    }
    reference = "cam" if "cam" in maps else next(iter(maps))
    base = maps[reference].values
    probe = traced.probes.get(layer.name)
    return LayerRow(
        layer=layer,
        label=f"Stage {position + 1} · {layer.channels} × {layer.height} × {layer.width}",
        maps=maps,
        agreement={
            name: measure(map=method_map.values, reference=base)
            for name, method_map in maps.items()
            if name != reference and base is not None and method_map.values is not None
        },
        probe_accuracy=None if probe is None else probe.accuracy,
        note=" ".join(note for note in traced.notes if note.startswith(f"{layer.name} ")),
    )
