"""One forward and one backward pass that bring every wanted layer's activation and gradient."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from analysis.explain.errors import ExplainError, LayerError, UnknownNameError, closest
from analysis.explain.layers import has_extent, why_not_spatial
from analysis.explain.modes import evaluating, hooked, plain_input

ClassIndex = int | Tensor
Targets = ClassIndex | tuple[ClassIndex, ClassIndex] | None


@dataclass(frozen=True)
class Call:
    """One call of a module without children, in the order of the calls; `spatial` = has a map."""

    name: str
    module: nn.Module
    spatial: bool


@dataclass(frozen=True)
class Capture:
    """What the methods make maps from, detached and in the model's dtype.

    Attributes
    ----------
    logits : (B, K).
    targets : (B,) int64, the class explained for each image.
    against : (B,) int64 where a contrast is explained (score of target minus score of against), else None.
    activations : {layer: (B, C, h, w)}.
    gradients : {layer: (B, C, h, w)}, of each image's own score; empty where none were asked for.
    calls_after : {layer: the childless modules called after it}, in forward order.
    notes : sentences for the reader, for instance on a module that is called several times.
    """

    logits: Tensor
    targets: Tensor
    against: Tensor | None
    activations: dict[str, Tensor]
    gradients: dict[str, Tensor]
    calls_after: dict[str, tuple[Call, ...]]
    notes: tuple[str, ...] = ()

    def of_score(self, per_class: Tensor) -> Tensor:
        """From a value for each class (K, ...) to that of each image's score (B, ...), contrasts included."""
        chosen = per_class[self.targets]
        return chosen if self.against is None else chosen - per_class[self.against]

    def scores(self) -> Tensor:
        """(B,): the explained number of each image, a logit or a difference of two."""
        return _scores(self.logits, self.targets, self.against)


@dataclass
class _Recorder:
    """Sees the modules' outputs during the forward pass and begins the graph at the first wanted one."""

    x: Tensor
    wanted: frozenset[str]
    gradients: bool
    outputs: dict[str, Tensor] = field(default_factory=dict)
    position: dict[str, int] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def see(self, name: str, module: nn.Module, output: Any) -> Tensor | None:
        if next(module.children(), None) is None:
            spatial = why_not_spatial(module, output, self.x) is None and has_extent(output)
            self.calls.append(Call(name, module, spatial))
        if name not in self.wanted:
            return None
        reason = why_not_spatial(module, output, self.x)
        if reason is not None:
            raise LayerError(
                f"layer {name!r} ({type(module).__name__}) has no map: {reason}. "
                "explainable_layers(model, x) lists the layers that have one."
            )
        self.times[name] = self.times.get(name, 0) + 1
        self.position[name] = len(self.calls)
        if not self.gradients:
            self.outputs[name] = output.detach().clone()
            return None
        # From here on a graph is needed; nothing before the first wanted layer pays for one.
        torch.set_grad_enabled(True)
        mine = output.clone()
        if not mine.requires_grad:
            mine.requires_grad_()
        self.outputs[name] = mine
        return mine.clone()  # an in-place ReLU behind the layer works on this copy, not on ours


def capture(
    model: nn.Module, x: Tensor, layers: Sequence[str], targets: Targets = None, gradients: bool = True
) -> Capture:
    """Run the model once forward and, with `gradients`, once backward, in evaluation mode.

    x is (B, 3, H, W), normalised, on the model's device. `targets` is None (the predicted class), an int,
    a LongTensor (B,), or a pair (a, b) of these: the score of a minus the score of b. Gradients are taken
    of each image's own score; in evaluation mode the images of a batch do not touch one another.

    The model may be in any mode, its parameters frozen, the caller in `no_grad` or `inference_mode`; the
    parameters' `.grad` and `requires_grad`, the modes and the BatchNorm statistics stay as they were, and
    no hook is left behind. A module that is called several times is represented by its last call.

    Raises ExplainError (a ValueError) for an input, target or output that does not fit, UnknownNameError
    for an unknown layer, LayerError for a layer without a map or without a path to the score.
    """
    names = _known_layers(model, layers)
    x = plain_input(model, x)
    recorder = _Recorder(x, frozenset(names), gradients)
    modules = {name: module for name, module in model.named_modules() if name}
    with evaluating(model), torch.no_grad():
        with hooked(modules, recorder.see):
            logits = _checked_logits(model(x), x)
        uncalled = [name for name in names if name not in recorder.outputs]
        if uncalled:
            raise LayerError(f"layer {uncalled[0]!r} is part of the model but is not called for this input")
        chosen, against = resolve_targets(targets, logits)
        grads: dict[str, Tensor] = {}
        if gradients:
            grads = _gradients(_scores(logits, chosen, against).sum(), recorder.outputs, names)
    return Capture(
        logits=logits.detach(),
        targets=chosen,
        against=against,
        activations={name: recorder.outputs[name].detach() for name in names},
        gradients=grads,
        calls_after={name: tuple(recorder.calls[recorder.position[name] :]) for name in names},
        notes=tuple(
            f"{name} is called {recorder.times[name]} times in one forward pass; its maps belong to the last call"
            for name in names
            if recorder.times[name] > 1
        ),
    )


def resolve_targets(targets: Targets, logits: Tensor) -> tuple[Tensor, Tensor | None]:
    """Classes as (B,) int64 on the logits' device, and those they are contrasted with, or None.

    Raises ExplainError for a class outside 0 .. K-1 or a shape that is not (B,).
    """
    if isinstance(targets, tuple):
        if len(targets) != 2:
            raise ExplainError(f"a contrast is a pair of classes (a, b), got {len(targets)} of them")
        return _class_indices(targets[0], logits), _class_indices(targets[1], logits)
    if targets is None:
        return logits.argmax(dim=1), None
    return _class_indices(targets, logits), None


def _class_indices(target: ClassIndex, logits: Tensor) -> Tensor:
    batch, classes = logits.shape
    if isinstance(target, Tensor) and target.ndim > 0:
        if target.is_floating_point() or target.shape != (batch,):
            raise ExplainError(
                f"targets must be class numbers, one an image: a LongTensor of shape ({batch},); "
                f"got {target.dtype} {tuple(target.shape)}"
            )
        indices = target.as_subclass(Tensor).detach().to(logits.device, torch.int64)
    else:
        try:
            indices = torch.full((batch,), operator.index(target), device=logits.device)  # type: ignore[arg-type]
        except TypeError:
            raise ExplainError(
                "targets must be None (the predicted class), an int, a LongTensor (B,) or a pair (a, b) "
                f"for a contrast; got {type(target).__name__}"
            ) from None
    outside = indices[(indices < 0) | (indices >= classes)]
    if outside.numel():
        raise ExplainError(f"class {int(outside[0])} is out of range: the model has classes 0 to {classes - 1}")
    return indices


def _scores(logits: Tensor, targets: Tensor, against: Tensor | None) -> Tensor:
    chosen = logits.gather(1, targets[:, None])[:, 0]
    return chosen if against is None else chosen - logits.gather(1, against[:, None])[:, 0]


def _gradients(score: Tensor, outputs: dict[str, Tensor], names: Sequence[str]) -> dict[str, Tensor]:
    # autograd.grad, not backward(): nothing is accumulated in .grad, and only these gradients are computed
    found: tuple[Tensor | None, ...] = (None,) * len(names)
    if score.requires_grad:
        found = torch.autograd.grad(score, [outputs[name] for name in names], allow_unused=True)
    for name, gradient in zip(names, found, strict=True):
        if gradient is None:
            raise LayerError(
                f"no gradient reaches layer {name!r}: the logits do not depend on its (last) output, or the "
                "model detaches it on the way"
            )
    return dict(zip(names, (gradient.detach() for gradient in found if gradient is not None), strict=True))


def _known_layers(model: nn.Module, layers: Sequence[str]) -> list[str]:
    names = [layers] if isinstance(layers, str) else list(dict.fromkeys(layers))
    if not names:
        raise ExplainError("name at least one layer; explainable_layers(model, x) lists them")
    known = dict(model.named_modules())
    for name in names:
        if not name or name not in known:
            raise UnknownNameError(
                f"unknown layer {name!r} in {type(model).__name__}.{closest(str(name), known)} "
                "explainable_layers(model, x) lists the layers that have a map."
            )
    return names


def _checked_logits(output: Any, x: Tensor) -> Tensor:
    if not isinstance(output, Tensor) or output.ndim != 2 or output.shape[0] != x.shape[0]:
        got = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
        raise ExplainError(
            f"explain needs a classifier that puts out logits of shape ({x.shape[0]}, classes); got {got}"
        )
    return output
