"""Everything the Layers page shows for one image: any methods at every layer, and how far they agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from analysis.explain.engine.costs import Cost
from analysis.explain.engine.feature_map import LayerInfo
from analysis.explain.engine.prepared import Setup
from analysis.explain.engine.targets import Target, target_label
from analysis.explain.errors import ExplainError
from analysis.explain.measures import measure
from analysis.explain.measures.fusion import fuse
from analysis.explain.measures.localisation import peak
from analysis.explain.methods import METHODS, known_methods
from analysis.explain.report.picture import ExplainedScore, MapNumbers, MethodMap, SeenImage

DEFAULT_METHODS = ("cam", "gradcam")
FUSED = {"mean": "Mean of the layers", "max": "Maximum of the layers", "tanh": "Scaled tanh (LayerCAM, eq. 9)"}

# (method, layers done, layers in all, passes done at this layer, passes in all)
MethodProgress = Callable[[str, int, int, int, int], None]


@dataclass(frozen=True)
class MethodMaps:
    """One method's maps of one score by layer name, and what they cost together.

    Without all layers it is the part that was made before somebody stopped it.
    """

    method: str
    maps: Mapping[str, MethodMap]
    cost: Cost


@dataclass(frozen=True)
class LayerRow:
    """One layer of one image.

    `maps` holds one entry a method, in the chosen order. `agreement` is {method: {metric: number}} and compares
    each method but the report's reference with that one, where both have a map. `note` is about the layer itself.
    """

    layer: LayerInfo
    label: str
    maps: dict[str, MethodMap]
    agreement: dict[str, dict[str, float]] = field(default_factory=dict)
    probe_accuracy: float | None = None
    note: str = ""


@dataclass(frozen=True)
class LayerReport:
    """One image through the layers, in forward order.

    `image` is uint8 (S, S, 3) as the network saw it, `mask` and `shortcut` bool (S, S) or None.
    `logits` and `probabilities` are float32 (classes,). `target` is a class or a pair (a, b): score of a
    minus score of b; `target_label` says it in words ("dog", "dog rather than cat"). `methods` are the chosen
    ones; `costs` says what the passes and each method took (without a forward pass where the score was asked
    of an image that had been seen before), `setup` how the network was run.
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
        """The method that the others are compared with: CAM where it was chosen, else the first."""
        return "cam" if "cam" in self.methods else self.methods[0]

    @property
    def places(self) -> dict[str, np.ndarray]:
        """{place: mask, bool (S, S)} of what is marked in the picture: "animal", "shortcut"."""
        return _places(self.mask, self.shortcut)


def method_maps(
    score: ExplainedScore,
    method: str,
    mask: np.ndarray | None = None,
    shortcut: np.ndarray | None = None,
    done: MethodMaps | None = None,
    progress: MethodProgress | None = None,
) -> Iterator[MethodMaps]:
    """Make one method's maps layer by layer, the last layer first; yields what there is after each.

    The last layers say most and cost least, so that a method stopped half-way has shown them. `done` is what
    an earlier, stopped call had made; `progress` may raise to stop.
    """
    names = [layer.name for layer in score.layers]
    maps = dict(done.maps) if done is not None else {}
    cost = done.cost if done is not None else Cost(method, 0.0, 0.0)
    for name in reversed([name for name in names if name not in maps]):
        found, spent = score.method_map(method, name, _of_layer(progress, method, len(maps), len(names)))
        if found.values is not None:
            found = replace(found, numbers=map_numbers(found.values, _places(mask, shortcut)))
        maps[name] = found
        cost = Cost(method, cost.ms + spent.ms, cost.forwards + spent.forwards)
        yield MethodMaps(method, dict(maps), cost)


def map_numbers(values: np.ndarray, places: Mapping[str, np.ndarray]) -> MapNumbers:
    """Describe one signed map (h, w); `places` are masks by name, bool (H, W) over the whole picture."""
    return MapNumbers(
        peak=peak(values),
        alone=measure(map=values),
        inside={place: measure(map=values, mask=mask) for place, mask in places.items()},
    )


def _places(mask: np.ndarray | None, shortcut: np.ndarray | None) -> dict[str, np.ndarray]:
    return {place: found for place, found in (("animal", mask), ("shortcut", shortcut)) if found is not None}


def _of_layer(
    progress: MethodProgress | None, method: str, done: int, layers: int
) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda passes, total: progress(method, done, layers, passes, total)


def layer_report(
    seen: SeenImage,
    image: np.ndarray,
    class_names: Sequence[str],
    target: Target | None = None,
    methods: Sequence[str] = DEFAULT_METHODS,
    mask: np.ndarray | None = None,
    shortcut: np.ndarray | None = None,
    made: Mapping[str, MethodMaps] | None = None,
) -> LayerReport:
    """Explain one image at every layer of its trace, by each of the methods.

    `image` is the same picture as uint8 (S, S, 3), the masks bool (S, S). `target` is a class, a pair (a, b)
    for "why a rather than b", or None for the predicted class. `made` are maps that are there already, of the
    same score; a method or layer that is missing in it has a note in place of a map. None makes all of them here.
    Raises UnknownNameError for an unknown method, ExplainError where the target or the names do not fit.
    """
    chosen = [method.name for method in known_methods(methods)]
    if len(class_names) != len(seen.logits):
        raise ExplainError(
            f"{len(class_names)} class names were given, but the model has {len(seen.logits)} classes"
        )
    score = seen.score(target)
    results = {
        name: _all(score, name, mask, shortcut)
        if made is None
        else made.get(name, MethodMaps(name, {}, Cost(name, 0.0, 0.0)))
        for name in chosen
    }
    passes = (seen.forward, score.backward) if score.first else (score.backward,)
    rows = [_row(seen, position, results) for position in range(len(seen.layers))]
    return LayerReport(
        image=image,
        mask=mask,
        shortcut=shortcut,
        class_names=tuple(class_names),
        logits=seen.logits,
        probabilities=seen.probabilities,
        target=score.target,
        target_label=target_label(score.target, class_names),
        methods=tuple(chosen),
        rows=tuple(rows),
        costs=(*passes, *(found.cost for found in results.values())),
        setup=seen.setup,
    )


def fused_maps(report: LayerReport, method: str) -> tuple[MethodMap, ...]:
    """One method's layers fused into one map at the finest resolution, in each way there is.

    Each layer is divided by its largest absolute value first, or the layer with the largest gradients would
    be the only one to be seen. Nothing where fewer than two layers have a map.
    """
    there = [found.values for row in report.rows if (found := row.maps[method]).values is not None]
    if len(there) < 2:
        return ()
    scaled = [torch.from_numpy(values / max(float(np.abs(values).max()), 1e-30))[None] for values in there]
    return tuple(
        MethodMap(title, fuse(scaled, how)[0].numpy(), f"{len(there)} layers, each divided by its largest value.")
        for how, title in FUSED.items()
    )


def _all(score: ExplainedScore, method: str, mask: np.ndarray | None, shortcut: np.ndarray | None) -> MethodMaps:
    *_, last = method_maps(score, method, mask, shortcut)
    return last


def _row(seen: SeenImage, position: int, results: Mapping[str, MethodMaps]) -> LayerRow:
    layer = seen.layers[position]
    maps = {
        name: found.maps.get(layer.name) or MethodMap(METHODS[name].title, None, "Not computed yet.")
        for name, found in results.items()
    }
    reference = "cam" if "cam" in maps else next(iter(maps))
    base = maps[reference].values
    probe = seen.probes.get(layer.name)
    return LayerRow(
        layer=layer,
        label=f"Stage {position + 1} · {layer.channels} × {layer.height} × {layer.width}",
        maps=maps,
        agreement={
            name: measure(map=found.values, reference=base)
            for name, found in maps.items()
            if name != reference and base is not None and found.values is not None
        },
        probe_accuracy=None if probe is None else probe.accuracy,
        note=" ".join(note for note in seen.notes if note.startswith(f"{layer.name} ")),
    )
