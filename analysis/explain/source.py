"""From a forward pass to what methods read: its images for their scores, or every class of each image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture, Progress
from analysis.explain.engine.costs import Clock
from analysis.explain.engine.gradients import Gradients
from analysis.explain.engine.outputs import logits_of
from analysis.explain.engine.passes import Pass
from analysis.explain.engine.resume import Tail
from analysis.explain.engine.targets import Score
from analysis.explain.errors import no_gradient
from analysis.explain.probe import Probe

# Numbers of a layer's activation that a batch of classes may hold.
_MOST_CLASS_NUMBERS = 2**24


class PassSource:
    """The source of a Capture whose row n is image `images[n]` of a pass (None: row n is image n)."""

    def __init__(self, forward_pass: Pass, images: Tensor | None) -> None:
        self._pass, self._images = forward_pass, images

    def tail(self, layer: str) -> Any:
        tail = self._pass.tail(layer)
        return tail if self._images is None else _TailOfRows(tail, self._images)

    def forward(self, x: Tensor) -> Tensor:
        prepared = self._pass.prepared
        with prepared.running() as network:
            return logits_of(network(prepared.input(x)), len(x)).to(prepared.sees)

    def again(self, taken: Capture, x: Tensor, images: Tensor) -> Capture:
        names = list(taken.activations)
        forward_pass = Pass(self._pass.prepared, x, names, self._pass.to_map, tails=False)
        score = taken.score.of_rows(images, taken.logits)
        return capture_of(forward_pass, score, names, True, False, taken.probes, taken.progress)

    def gradients_of(self, taken: Capture, cotangent: Tensor) -> Gradients:
        names = list(taken.activations)
        if self._images is None:
            return self._pass.gradients(cotangent, names, keep=True)
        return _gradients_from_tail(self, taken.activations, cotangent)


class _TailOfRows:
    """A Tail for rows of a batch that was itself picked from a pass."""

    def __init__(self, tail: Tail, images: Tensor) -> None:
        self._tail, self._images, self.calls = tail, images, tail.calls

    def __call__(self, activation: Tensor, images: Tensor) -> Tensor:
        return self._tail(activation, self._images[images])

    def watch(self, activation: Tensor, images: Tensor, calls: Any) -> Any:
        return self._tail.watch(activation, self._images[images], calls)


def capture_of(
    forward_pass: Pass,
    score: Score,
    layers: Sequence[str],
    gradients: bool,
    keep: bool,
    probes: Mapping[str, Probe] | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Capture:
    """Capture some layers of a pass for some scores; `keep` the graph for the next one."""
    found = Gradients()
    if gradients:
        clock = clock or Clock(forward_pass.x.device, 1.0)
        with clock.part("backward"):
            found = forward_pass.gradients(score.weights(forward_pass.logits), layers, keep)
    anatomy = forward_pass.prepared.anatomy
    return Capture(
        x=forward_pass.x,
        logits=forward_pass.logits,
        score=score,
        activations={name: forward_pass.activation(name) for name in layers},
        gradients=found,
        calls_after={name: anatomy.calls_after(name) for name in layers},
        notes=tuple(
            f"{name} is called {anatomy.times[name]} times in one forward pass; its maps belong to the last call"
            for name in layers
            if anatomy.times[name] > 1
        ),
        probes=probes or {},
        progress=progress or (lambda done, total: None),
        heads=forward_pass.prepared.heads,
        source=PassSource(forward_pass, None),
    )


def captures_of_classes(
    forward_pass: Pass, layer: str, gradients: bool, probes: Mapping[str, Probe] | None = None
) -> Iterator[Capture]:
    """Yield captures that hold every image for every class once, class after class: (K * B) rows, image 0 first.

    The forward pass is not run again. Of a single image all classes share one run of the tail and its backward
    pass, and the rows are the same memory again and again; of several each class takes a backward pass.
    """
    batch, classes = forward_pass.logits.shape
    every = torch.arange(classes, device=forward_pass.x.device)
    if batch > 1:
        for target in every.split(1):
            score = Score(target.expand(batch))
            yield capture_of(forward_pass, score, [layer], gradients, keep=True, probes=probes)
        return
    activation = forward_pass.activation(layer)
    most = _MOST_CLASS_NUMBERS // activation[0].numel()
    for targets in every.split(max(1, most)):
        rows, score = len(targets), Score(targets)
        source = PassSource(forward_pass, torch.zeros_like(targets))
        activations = {layer: activation.expand(rows, *activation.shape[1:])}
        logits = forward_pass.logits.expand(rows, classes)
        found = _gradients_from_tail(source, activations, score.weights(logits)) if gradients else Gradients()
        yield Capture(
            x=forward_pass.x.expand(rows, *forward_pass.x.shape[1:]),
            logits=logits,
            score=score,
            activations=activations,
            gradients=found,
            calls_after={layer: forward_pass.prepared.anatomy.calls_after(layer)},
            probes=probes or {},
            heads=forward_pass.prepared.heads,
            source=source,
        )


def _gradients_from_tail(source: PassSource, activations: Mapping[str, Tensor], cotangent: Tensor) -> Gradients:
    """Return the gradients of rows of some layers, by running the tail on them."""
    found = Gradients()
    for name, activation in activations.items():
        rows = torch.arange(len(activation), device=activation.device)
        with torch.enable_grad():
            leaf = activation.detach().requires_grad_()
            logits = source.tail(name)(leaf, rows)
            if logits.requires_grad:
                (found[name],) = torch.autograd.grad(logits, leaf, cotangent)
            else:
                found.refusals[name] = str(no_gradient(name))
    return found
