"""One forward pass of a batch, kept: the only way from a model to its maps.

`capture` and `explain` run a pass, ask it one question and drop it; `trace` keeps it, so that another class or
method takes a backward pass or the rest of the network, not the images again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from analysis.explain.engine.capture import Capture, Progress
from analysis.explain.engine.costs import Clock
from analysis.explain.engine.inputs import as_written, plain_input
from analysis.explain.engine.passes import OtherWay, Pass
from analysis.explain.engine.prepared import prepare
from analysis.explain.engine.targets import Targets, score_of
from analysis.explain.engine.tokens import Reshape
from analysis.explain.errors import ExplainError, LayerError, UnknownNameError, closest
from analysis.explain.maps import Explanation, explained
from analysis.explain.methods import known_methods
from analysis.explain.probe import Probe
from analysis.explain.source import capture_of, captures_of_classes


class Trace:
    """A batch's forward pass, kept, so that another class or method asks nothing more of the images.

    Attributes
    ----------
    logits : (B, K) float32.
    layers : the layers it was made for.
    setup : how the model was run.

    It holds the graph after its first layer and what resuming after each layer takes: for resnet34 at 224
    pixels and all four stages about 40 MB an image in float32.
    """

    def __init__(
        self, forward_pass: Pass, layers: Sequence[str], clock: Clock, probes: Mapping[str, Probe], keep: bool
    ) -> None:
        self._pass, self._clock, self._probes, self._keep = forward_pass, clock, probes, keep
        self.logits, self.layers = forward_pass.logits.float(), tuple(layers)
        self.setup = forward_pass.prepared.setup

    @as_written()
    def capture(
        self, targets: Targets = None, layers: Sequence[str] | None = None, gradients: bool = True
    ) -> Capture:
        """Return what methods make maps from; see `Capture`. Raises LayerError for a layer that has no map."""
        names = self._with_map(layers)
        score = score_of(targets, self._pass.logits)
        return capture_of(self._pass, score, names, gradients, self._keep, self._probes, None, self._clock)

    @as_written()
    def explain(
        self,
        methods: Sequence[str],
        targets: Targets = None,
        layers: Sequence[str] | None = None,
        progress: Progress | None = None,
    ) -> Explanation:
        """Make the maps of some methods at some of the layers (all of them by default); see `explain`."""
        chosen, names = known_methods(methods), self._known(layers)
        clock, self._clock = self._clock, Clock(self._pass.x.device, self.setup.reference_ms)
        taken = capture_of(
            self._pass,
            score_of(targets, self._pass.logits),
            [name for name in names if name not in self._pass.refusals],
            any(method.needs_gradient for method in chosen),
            # the graph is needed again by the next call, and by a method with a score of its own
            self._keep or any(method.needs_graph for method in chosen),
            self._probes,
            progress,
            clock,
        )
        return explained(taken, names, chosen, self._pass.refusals, self.setup, clock)

    @as_written()
    def every_class(self, layer: str, method: str) -> Tensor:
        """Return the maps of every class, (K, B, h, w) float32, by a method at a layer."""
        (chosen,) = known_methods(method)
        (name,) = self._with_map([layer])
        batch, classes = self.logits.shape
        parts = [
            chosen.maps(taken, name).float()
            for taken in captures_of_classes(self._pass, name, chosen.needs_gradient, self._probes)
        ]
        return torch.cat(parts).unflatten(0, (classes, batch))

    def _with_map(self, layers: Sequence[str] | None) -> Sequence[str]:
        names = self._known(layers)
        for name in names:
            if name in self._pass.refusals:
                raise LayerError(self._pass.refusals[name])
        return names

    def _known(self, layers: Sequence[str] | None) -> Sequence[str]:
        if layers is None:
            return self.layers
        names = [layers] if isinstance(layers, str) else list(dict.fromkeys(layers))
        for name in names:
            if name not in self.layers:
                raise UnknownNameError(
                    f"this trace was made for the layers {', '.join(self.layers)}, not for {name!r}; make another"
                )
        return names


def trace(
    model: nn.Module,
    x: Tensor,
    layers: Sequence[str],
    precision: str = "fp32",
    probes: Mapping[str, Probe] | None = None,
    reshape: Reshape = None,
) -> Trace:
    """Run the model once and keep the outputs of its layers; arguments and errors as in `explain`."""
    return _trace(model, x, layers, precision, probes, reshape)


def capture(
    model: nn.Module,
    x: Tensor,
    layers: Sequence[str],
    targets: Targets = None,
    gradients: bool = True,
    precision: str = "fp32",
    reshape: Reshape = None,
) -> Capture:
    """Run the model once forward and, with `gradients`, once backward, and return what methods make maps from.

    Arguments as in `explain`. Gradients are taken of each image's own score; in evaluation mode the images of a
    batch do not touch one another. A module that is called several times is represented by its last call.

    Raises ExplainError (a ValueError) for an input, target or output that does not fit, UnknownNameError for an
    unknown layer, LayerError for a layer without a map. Where no gradient reaches a layer, reading
    `gradients[layer]` raises LayerError.
    """
    return _trace(model, x, layers, precision, None, reshape, gradients, tails=False, keep=False).capture(
        targets, gradients=gradients
    )


def explain(
    model: nn.Module,
    x: Tensor,
    layers: Sequence[str],
    methods: Sequence[str],
    targets: Targets = None,
    precision: str = "fp32",
    probes: Mapping[str, Probe] | None = None,
    reshape: Reshape = None,
    progress: Progress | None = None,
) -> Explanation:
    """Explain why the model gives each image of a batch its score.

    Parameters
    ----------
    model : any classifier in any mode; a private copy of it is explained, and it is left as it was. Its output
        is the logits, a tuple that begins with them, or a dict that has them under "logits".
    x : (B, 3, H, W), normalised, on the model's device.
    layers : module paths, as `stage_layers` and `explainable_layers` list them.
    methods : names in `METHODS`.
    targets : None (the predicted class), an int, a LongTensor (B,), a pair (a, b) for why a rather than b, or a
        function from logits (B, K) to one number an image (B,), for instance `lambda z: z.log_softmax(1)[:, 3]`.
        Methods that read gradients differentiate the function, methods that change activations or pictures
        evaluate it, methods that need a class (the CAMs and Finer-CAM) refuse it.
    precision : "fp32" (the model's own type; the reference) or "bf16" (the body in bfloat16, the head in
        float32); a surrounding `torch.autocast` is suspended.
    probes : linear probes by layer, for the method "probecam".
    reshape : how tokens (B, N, C) lie on the picture, where the model does not say it itself: a `TokenGrid`,
        `channels_last`, or a function from a layer's output to (B, C, h, w); or a dict of these by layer.
    progress : called with (batches done, batches in all) by methods that run many; raise from it to cancel.

    Returns
    -------
    An Explanation. A method that cannot be used at a layer does not stop the others: `refused` has the reason.

    Raises
    ------
    UnknownNameError (a KeyError) : an unknown layer or method.
    ExplainError (a ValueError) : input, target or output do not fit, or no map can be made at all.

    Example
    -------
    >>> result = explain(resnet18(), x, ["layer3", "layer4"], ["gradcam"], targets=(3, 5))
    >>> result.maps["layer4", "gradcam"].shape  # for x of shape (2, 3, 224, 224)
    torch.Size([2, 7, 7])
    """
    chosen = known_methods(methods)
    gradients = any(method.needs_gradient or method.needs_graph for method in chosen)
    tails = any(method.needs_tail for method in chosen)
    kept = _trace(model, x, layers, precision, probes, reshape, gradients, tails, keep=False)
    return kept.explain(methods, targets, progress=progress)


@as_written()
def _trace(
    model: nn.Module,
    x: Tensor,
    layers: Sequence[str],
    precision: str,
    probes: Mapping[str, Probe] | None,
    reshape: Reshape,
    gradients: bool = True,
    tails: bool = True,
    keep: bool = True,
) -> Trace:
    """Check the arguments, and run the network once."""
    names = known_layers(model, layers)
    x = plain_input(model, x)
    prepared = prepare(model, x, precision, names)
    clock = Clock(x.device, prepared.setup.reference_ms)
    with clock.part("forward"):
        try:
            forward_pass = Pass(prepared, x, names, reshape, gradients, tails)
        except OtherWay:
            forward_pass = Pass(prepared.recorded(x), x, names, reshape, gradients, tails, exact=True)
    return Trace(forward_pass, names, clock, probes or {}, keep)


def known_layers(model: nn.Module, layers: Sequence[str]) -> list[str]:
    """Return the layers' names, each once; raises UnknownNameError where the model has no such module."""
    names = [layers] if isinstance(layers, str) else list(dict.fromkeys(layers))
    if not names:
        raise ExplainError("name at least one layer; stage_layers(model, x) lists the usual ones")
    known = dict(model.named_modules())
    for name in names:
        if not name or name not in known:
            raise UnknownNameError(
                f"unknown layer {name!r} in {type(model).__name__}.{closest(str(name), known)} "
                "explainable_layers(model, x) lists the layers that have a map."
            )
    return names
