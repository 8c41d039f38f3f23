"""From a capture to the maps of several methods, with the reason for each map that cannot be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from analysis.explain.engine.capture import Capture
from analysis.explain.engine.clock import Clock, Cost
from analysis.explain.engine.preparation import Setup
from analysis.explain.errors import ExplainError, LayerError
from analysis.explain.methods import Method

Pair = tuple[str, str]  # (layer, method)


@dataclass(frozen=True)
class Explanation:
    """The maps of a batch, as `explain` returns them.

    Attributes
    ----------
    logits : (B, K) float32.
    targets : (B,) int64, the explained class of each image; None where `targets` was a function of the logits.
    against : (B,) int64, the class it is contrasted with, or None.
    scores : (B,) float32, the explained score of each image: a logit, a difference of two, or the function's
        value.
    maps : {(layer, method): (B, h, w) float32}, at the layer's own resolution, signed, not normalised, no
        ReLU unless the method's paper puts one inside its weights.
    refused : {(layer, method): the reason}, for each pair that has no map.
    notes : sentences for the user.
    setup : how the model was run: precision, memory layout, and the time of a forward pass.
    clock : the time of each part; `costs` reads it.
    """

    logits: Tensor
    targets: Tensor | None
    against: Tensor | None
    scores: Tensor
    maps: dict[Pair, Tensor]
    refused: dict[Pair, str]
    notes: tuple[str, ...]
    setup: Setup
    clock: Clock = field(repr=False)

    @property
    def costs(self) -> tuple[Cost, ...]:
        """The time of the forward pass (where there was one), of the backward pass and of each method."""
        return self.clock.costs()


def explain_capture(
    capture: Capture,
    layers: Sequence[str],
    methods: Sequence[Method],
    refusals: Mapping[str, str],
    setup: Setup,
    clock: Clock,
) -> Explanation:
    """Return the maps of each method at each layer of a capture.

    Parameters
    ----------
    capture : activations and gradients; the explained score.
    layers, methods : for which maps are made.
    refusals : {layer: the reason}, for layers that have no map by any method.
    setup, clock : how the model was run, and the clock that measures the methods.

    Raises
    ------
    ExplainError : no map can be made at all; of the same class as the methods' errors where these agree.
    """
    maps: dict[Pair, Tensor] = {}
    # Only class and text: an exception would keep the tensors of its frames alive.
    errors: dict[Pair, tuple[type[ExplainError], str]] = {}
    for method in methods:
        with clock.part(method.name):
            for layer in layers:
                try:
                    if layer in refusals:
                        raise LayerError(refusals[layer])
                    maps[layer, method.name] = method.maps(capture, layer).float()
                except ExplainError as error:
                    errors[layer, method.name] = type(error), str(error)
    if not maps:
        raise _nothing_left(errors)
    pairs = [(layer, method.name) for layer in layers for method in methods]
    return Explanation(
        logits=capture.logits.float(),
        targets=capture.targets,
        against=capture.against,
        scores=capture.scores().detach().float(),
        maps={pair: maps[pair] for pair in pairs if pair in maps},
        refused={pair: errors[pair][1] for pair in pairs if pair in errors},
        notes=capture.notes,
        setup=setup,
        clock=clock,
    )


def _nothing_left(errors: Mapping[Pair, tuple[type[ExplainError], str]]) -> ExplainError:
    reasons = list(dict.fromkeys(reason for _, reason in errors.values()))
    kinds = {kind for kind, _ in errors.values()}
    kind = kinds.pop() if len(kinds) == 1 else ExplainError
    if len(reasons) == 1:
        return kind(reasons[0])
    return kind(
        "none of these maps can be made. "
        + " ".join(f"{method} at {layer!r}: {reason}." for (layer, method), (_, reason) in errors.items())
    )
