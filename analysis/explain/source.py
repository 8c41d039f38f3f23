"""From a forward pass to captures: each image with its score, or with every class in turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from analysis.explain.engine.capture import Capture, Progress
from analysis.explain.engine.clock import Clock
from analysis.explain.engine.forward_pass import ForwardPass
from analysis.explain.engine.gradients import Gradients
from analysis.explain.engine.outputs import logits_of
from analysis.explain.engine.resume import ResumedNetwork
from analysis.explain.engine.targets import Score
from analysis.explain.errors import no_gradient
from analysis.explain.probe import Probe

# The most numbers that the activations of a batch of classes may have.
_MAX_CLASS_NUMBERS = 2**24


class ForwardPassSource:
    """The network of a Capture whose example n is image `images[n]` of a pass (None: example n is image n).

    Its methods do what `Capture` documents under the same names.
    """

    def __init__(self, forward_pass: ForwardPass, images: Tensor | None) -> None:
        self._pass, self._images = forward_pass, images

    def resume(self, layer: str) -> Any:
        network = self._pass.resume(layer)
        return network if self._images is None else _ResumedExamples(network, self._images)

    def forward(self, x: Tensor) -> Tensor:
        prepared = self._pass.prepared
        with prepared.running() as network:
            return logits_of(network(prepared.input(x)), len(x)).to(prepared.output_dtype)

    def recapture(self, capture: Capture, x: Tensor, images: Tensor) -> Capture:
        names = list(capture.activations)
        forward_pass = ForwardPass(self._pass.prepared, x, names, self._pass.to_map, resumable=False)
        score = capture.score.of_examples(images, capture.logits)
        return capture_of(forward_pass, score, names, True, False, capture.probes, capture.progress)

    def gradients_of(self, capture: Capture, logit_weights: Tensor) -> Gradients:
        names = list(capture.activations)
        if self._images is None:
            return self._pass.gradients(logit_weights, names, keep=True)
        return _gradients_after(self, capture.activations, logit_weights)


class _ResumedExamples:
    """A ResumedNetwork for a batch whose examples were selected from the images of a pass."""

    def __init__(self, network: ResumedNetwork, images: Tensor) -> None:
        self._network, self._images, self.calls = network, images, network.calls

    def __call__(self, activation: Tensor, images: Tensor) -> Tensor:
        return self._network(activation, self._images[images])

    def run_with_outputs(self, activation: Tensor, images: Tensor, calls: Any) -> Any:
        return self._network.run_with_outputs(activation, self._images[images], calls)


def capture_of(
    forward_pass: ForwardPass,
    score: Score,
    layers: Sequence[str],
    gradients: bool,
    keep: bool,
    probes: Mapping[str, Probe] | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Capture:
    """Return the capture of some layers of a forward pass for one score.

    Parameters
    ----------
    forward_pass : the pass.
    score : the explained score of each image.
    layers : names of layers of the pass.
    gradients : run the backward pass too.
    keep : keep the graph for another call.
    probes, progress : as in `Capture`.
    clock : measures the backward pass, where given.
    """
    layer_gradients = Gradients()
    if gradients:
        clock = clock or Clock(forward_pass.x.device, 1.0)
        with clock.part("backward"):
            layer_gradients = forward_pass.gradients(score.weights(forward_pass.logits), layers, keep)
    anatomy = forward_pass.prepared.anatomy
    return Capture(
        x=forward_pass.x,
        logits=forward_pass.logits,
        score=score,
        activations={name: forward_pass.activation(name) for name in layers},
        gradients=layer_gradients,
        calls_after={name: anatomy.calls_after(name) for name in layers},
        notes=tuple(
            f"{name} is called {anatomy.times[name]} times in one forward pass; its maps belong to the last call"
            for name in layers
            if anatomy.times[name] > 1
        ),
        probes=probes or {},
        progress=progress or (lambda done, total: None),
        heads=forward_pass.prepared.heads,
        source=ForwardPassSource(forward_pass, None),
    )


def captures_of_classes(
    forward_pass: ForwardPass, layer: str, gradients: bool, probes: Mapping[str, Probe] | None = None
) -> Iterator[Capture]:
    """Yield captures that together have every image with every class: K * B examples, class by class.

    The forward pass is not run again. For a single image all classes share one run of the network after the layer
    and its backward pass, and all examples share the memory of one activation. For several images each class needs
    one backward pass.
    """
    batch, classes = forward_pass.logits.shape
    every = torch.arange(classes, device=forward_pass.x.device)
    if batch > 1:
        for target in every.split(1):
            score = Score(target.expand(batch))
            yield capture_of(forward_pass, score, [layer], gradients, keep=True, probes=probes)
        return
    activation = forward_pass.activation(layer)
    most = _MAX_CLASS_NUMBERS // activation[0].numel()
    for targets in every.split(max(1, most)):
        count, score = len(targets), Score(targets)
        source = ForwardPassSource(forward_pass, torch.zeros_like(targets))
        activations = {layer: activation.expand(count, *activation.shape[1:])}
        logits = forward_pass.logits.expand(count, classes)
        weights = score.weights(logits)
        class_gradients = _gradients_after(source, activations, weights) if gradients else Gradients()
        yield Capture(
            x=forward_pass.x.expand(count, *forward_pass.x.shape[1:]),
            logits=logits,
            score=score,
            activations=activations,
            gradients=class_gradients,
            calls_after={layer: forward_pass.prepared.anatomy.calls_after(layer)},
            probes=probes or {},
            heads=forward_pass.prepared.heads,
            source=source,
        )


def _gradients_after(
    source: ForwardPassSource, activations: Mapping[str, Tensor], logit_weights: Tensor
) -> Gradients:
    """Return the gradients at the activations of some layers, by running the network after each layer."""
    gradients = Gradients()
    for name, activation in activations.items():
        examples = torch.arange(len(activation), device=activation.device)
        with torch.enable_grad():
            leaf = activation.detach().requires_grad_()
            logits = source.resume(name)(leaf, examples)
            if logits.requires_grad:
                (gradients[name],) = torch.autograd.grad(logits, leaf, logit_weights)
            else:
                gradients.refusals[name] = str(no_gradient(name))
    return gradients
