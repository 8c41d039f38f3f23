"""CAM Lens as a contender: explanations from the picture, and from a kept trace."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import torch
from torch import Tensor, nn

from analysis.explain import METHODS
from analysis.explain.maps import Explanation
from analysis.explain.trace import Trace, explain, trace
from tests.benchmarks.clock import Entry

PRECISIONS = ("fp32", "bf16")
# least forwards that are asked for, by (all stages, precision, whether the batch is larger than one)
GRADCAM_TARGETS = {
    (False, "fp32", False): 1.0,
    (False, "fp32", True): 1.0,
    (False, "bf16", False): 0.55,
    (False, "bf16", True): 0.55,
    (True, "fp32", False): 1.6,
    (True, "fp32", True): 1.6,
    (True, "bf16", False): 0.95,
    (True, "bf16", True): 1.15,
}
SAME = 0.99  # correlation with the float32 map that bf16 has to keep
NEW_CLASS_TARGET, EVERY_CLASS_TARGET = 0.02, 0.05
# methods that go through the channels, with one run of the rest of the network each
SWEEPS = {"ablationcam", "scorecam", "sscam", "iscam", "scorecam-image"}
WHOLE_FORWARDS = {"scorecam-image"}  # sweeps of which each run begins at the picture
HEAD_ONLY = {"cam", "bookcam"}  # have a map only at the layer that feeds the head


def methods(full: bool) -> list[str]:
    """The methods beside Grad-CAM that need no probe; with `full` also those of hundreds of whole forwards."""
    return [
        name
        for name, method in METHODS.items()
        if name != "gradcam" and not method.needs_probe and (full or name not in WHOLE_FORWARDS)
    ]


def at_four_stages(full: bool) -> set[str]:
    """The methods that are timed at all four stages; with `full` also two of the sweeps."""
    return set(methods(full)) - HEAD_ONLY - (SWEEPS - {"ablationcam", "scorecam"} if full else SWEEPS)


def title(method: str) -> str:
    return METHODS[method].title


def maps_of(model: nn.Module, x: Tensor, method: str, layers: Sequence[str], targets: Tensor) -> list[Tensor]:
    """Our float32 maps, which all others are compared with."""
    result = explain(model, x, layers, [method], targets)
    return [result.maps[layer, method] for layer in layers]


def gradcam(what: str, model: nn.Module, x: Tensor, layers: Sequence[str], targets: Tensor) -> list[Entry]:
    """Grad-CAM in both precisions, with what is asked for."""
    entries = _in_both("gradcam", what, model, x, layers, targets)
    for entry, precision in zip(entries, PRECISIONS, strict=True):
        entry.target = GRADCAM_TARGETS[len(layers) > 1, precision, len(x) > 1]
        entry.floor = SAME if precision == "bf16" else None
    return entries


def of_method(
    method: str, what: str, model: nn.Module, x: Tensor, layers: Sequence[str], targets: Tensor
) -> list[Entry]:
    """Any method in both precisions."""
    return _in_both(method, what, model, x, layers, targets)


def _in_both(
    method: str, what: str, model: nn.Module, x: Tensor, layers: Sequence[str], targets: Tensor
) -> list[Entry]:
    def entry(precision: str) -> Entry:
        explain(model, x[:1], layers, ["gradcam"], 0, precision)  # the copy it runs on is made at a first call

        def run() -> Explanation:
            return explain(model, x, layers, [method], targets, precision)

        def maps(result: Explanation) -> list[Tensor]:
            return [result.maps[layer, method] for layer in layers]

        reference_itself = precision == "fp32"
        return Entry(what, f"CAM Lens {precision}", len(x), run, None if reference_itself else maps)

    return [entry(precision) for precision in PRECISIONS]


def cached(
    model: nn.Module, x: Tensor, targets: Tensor, stages: Sequence[str]
) -> list[tuple[Entry, list[Tensor]]]:
    """Grad-CAM of another class, and of all classes, from a trace of all stages that has explained one class."""
    entries: list[tuple[Entry, list[Tensor]]] = []
    kept = {precision: trace(model, x, stages, precision) for precision in PRECISIONS}
    for precision in PRECISIONS:
        kept[precision].explain(["gradcam"], targets)
    for what, layers, target in (
        ("new class from the cache, last stage", stages[-1:], NEW_CLASS_TARGET),
        ("new class from the cache, four stages", stages, None),
    ):
        reference = maps_of(model, x, "gradcam", layers, torch.zeros_like(targets))  # class 0 is asked for first
        for precision in PRECISIONS:
            entry = _new_class(what, kept[precision], x, layers)
            entry.target, entry.floor = target, SAME
            entries.append((entry, reference))
    classes = kept["fp32"].logits.shape[1]
    looked_at = (0, classes // 2, classes - 1)
    reference = [maps_of(model, x, "gradcam", stages[-1:], torch.full_like(targets, k))[0] for k in looked_at]
    for precision in PRECISIONS:
        entry = _every_class(f"all {classes} classes from the cache, last stage", kept[precision], x, stages[-1])
        entry.maps = lambda every: [every[k] for k in looked_at]
        entry.target, entry.floor = EVERY_CLASS_TARGET, SAME
        entries.append((entry, reference))
    return entries


def _new_class(what: str, kept: Trace, x: Tensor, layers: Sequence[str]) -> Entry:
    """Each call explains the next class, so that a map kept from an earlier call is of no use."""
    others = cycle(range(kept.logits.shape[1]))

    def run() -> Explanation:
        return kept.explain(["gradcam"], next(others), layers)

    def maps(result: Explanation) -> list[Tensor]:
        return [result.maps[layer, "gradcam"] for layer in layers]

    return Entry(what, f"CAM Lens {kept.setup.precision}", len(x), run, maps)


def _every_class(what: str, kept: Trace, x: Tensor, layer: str) -> Entry:
    def run() -> Tensor:
        return kept.every_class(layer, "gradcam")

    return Entry(what, f"CAM Lens {kept.setup.precision}", len(x), run)
