"""From a model and images to maps, by one forward pass.

`explain` and `capture` run the pass, use it once and drop it. `trace` keeps it, so that another class or another
method needs only a backward pass or a run of the last layers, not the whole network again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from analysis.explain.engine.capture import Capture, Progress
from analysis.explain.engine.clock import Clock
from analysis.explain.engine.forward_pass import ForwardPass, OtherPath
from analysis.explain.engine.inputs import as_written, plain_input
from analysis.explain.engine.preparation import prepare
from analysis.explain.engine.targets import Targets, score_of
from analysis.explain.engine.tokens import Reshape
from analysis.explain.errors import ExplainError, LayerError, UnknownNameError, closest
from analysis.explain.maps import Explanation, explain_capture
from analysis.explain.methods import methods_named
from analysis.explain.probe import Probe
from analysis.explain.source import capture_of, captures_of_classes


class Trace:
    """The forward pass of a batch, kept for any number of classes and methods; `trace` makes one.

    It holds the graph after its first layer, and the outputs that resuming the network after each layer needs: for
    resnet34 at 224 pixels with all four stages about 40 MB per image in float32.

    Attributes
    ----------
    logits : (B, K) float32.
    layers : names of the layers it was made for.
    setup : how the model was run.
    """

    def __init__(
        self,
        forward_pass: ForwardPass,
        layers: Sequence[str],
        clock: Clock,
        probes: Mapping[str, Probe],
        keep: bool,
    ) -> None:
        self._pass, self._clock, self._probes, self._keep = forward_pass, clock, probes, keep
        self.logits, self.layers = forward_pass.logits.float(), tuple(layers)
        self.setup = forward_pass.prepared.setup

    @as_written()
    def capture(
        self, targets: Targets = None, layers: Sequence[str] | None = None, gradients: bool = True
    ) -> Capture:
        """Return what methods compute maps from, see `Capture`; raises LayerError for a layer that has no map."""
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
        """Return the maps of some methods at some of the layers (by default at all of them); see `explain`."""
        chosen, names = methods_named(methods), self._names(layers)
        clock, self._clock = self._clock, Clock(self._pass.x.device, self.setup.reference_ms)
        record = capture_of(
            self._pass,
            score_of(targets, self._pass.logits),
            [name for name in names if name not in self._pass.refusals],
            any(method.needs_gradient for method in chosen),
            # The next call, or a method with a score of its own, needs the graph again.
            self._keep or any(method.needs_graph for method in chosen),
            self._probes,
            progress,
            clock,
        )
        return explain_capture(record, names, chosen, self._pass.refusals, self.setup, clock)

    @as_written()
    def every_class(self, layer: str, method: str) -> Tensor:
        """Return the maps of every class, (K, B, h, w) float32, by one method at one layer."""
        (chosen,) = methods_named(method)
        (name,) = self._with_map([layer])
        batch, classes = self.logits.shape
        parts = [
            chosen.maps(record, name).float()
            for record in captures_of_classes(self._pass, name, chosen.needs_gradient, self._probes)
        ]
        return torch.cat(parts).unflatten(0, (classes, batch))

    def _with_map(self, layers: Sequence[str] | None) -> Sequence[str]:
        names = self._names(layers)
        for name in names:
            if name in self._pass.refusals:
                raise LayerError(self._pass.refusals[name])
        return names

    def _names(self, layers: Sequence[str] | None) -> Sequence[str]:
        if layers is None:
            return self.layers
        names = [layers] if isinstance(layers, str) else list(dict.fromkeys(layers))
        for name in names:
            if name not in self.layers:
                raise UnknownNameError(
                    f"this trace was made for the layers {', '.join(self.layers)}, not for {name!r}; make another "
                    "trace"
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
    """Run the model once and keep the outputs of some layers; the arguments and errors are those of `explain`."""
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

    The arguments are those of `explain`. Gradients are those of each image's own score; in evaluation mode the
    images of a batch do not influence one another. A module that is called several times is represented by its
    last call.

    Raises
    ------
    ExplainError (a ValueError) : the input, the targets or the output do not fit.
    UnknownNameError (a KeyError) : an unknown layer.
    LayerError : a layer without a map. Where no gradient reaches a layer, reading `gradients[layer]` raises it.
    """
    return _trace(model, x, layers, precision, None, reshape, gradients, resumable=False, keep=False).capture(
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
    model : any classifier in any mode; a private copy of it is explained, and the model itself is not changed. Its
        output is the logits (B, K), a tuple that begins with them, or a dict that has them under "logits".
    x : (B, 3, H, W), normalised, of the model's floating-point type, on the model's device.
    layers : module paths, as `stage_layers` and `explainable_layers` list them.
    methods : names in `METHODS`.
    targets : None (the predicted class), an int, a LongTensor (B,), a pair (a, b) for why a rather than b, or a
        function from logits (B, K) to one number per image (B,), for instance `lambda z: z.log_softmax(1)[:, 3]`.
        Methods that use gradients differentiate the function, methods that change activations or images evaluate
        it, and methods that need a class (the CAMs and Finer-CAM) refuse it.
    precision : "fp32" (the model's own type; the reference) or "bf16" (the body in bfloat16, the head in
        float32). A surrounding `torch.autocast` is suspended.
    probes : linear probes by layer, for the method "probecam".
    reshape : how tokens (B, N, C) are arranged over the image, where the model's attributes do not say it: a
        `TokenGrid`, `channels_last`, or a function from a layer's output to (B, C, h, w); or a dict of these by
        layer.
    progress : called with (batches done, batches in all) by methods that run many batches; raise from it to
        cancel.

    Returns
    -------
    Explanation : its maps are float32 (B, h, w). A method that cannot be used at a layer does not stop the others:
        `refused` has the reason.

    Raises
    ------
    UnknownNameError (a KeyError) : an unknown layer or method.
    ExplainError (a ValueError) : the input, the targets or the output do not fit, or no map can be made at all.

    Example
    -------
    >>> result = explain(resnet18(), x, ["layer3", "layer4"], ["gradcam"], targets=(3, 5))
    >>> result.maps["layer4", "gradcam"].shape  # for x of shape (2, 3, 224, 224)
    torch.Size([2, 7, 7])
    """
    chosen = methods_named(methods)
    gradients = any(method.needs_gradient or method.needs_graph for method in chosen)
    resumable = any(method.needs_resume for method in chosen)
    forward = _trace(model, x, layers, precision, probes, reshape, gradients, resumable, keep=False)
    return forward.explain(methods, targets, progress=progress)


@as_written()
def _trace(
    model: nn.Module,
    x: Tensor,
    layers: Sequence[str],
    precision: str,
    probes: Mapping[str, Probe] | None,
    reshape: Reshape,
    gradients: bool = True,
    resumable: bool = True,
    keep: bool = True,
) -> Trace:
    """Check the arguments, and run the network once."""
    names = layer_names(model, layers)
    x = plain_input(model, x)
    prepared = prepare(model, x, precision, names)
    clock = Clock(x.device, prepared.setup.reference_ms)
    with clock.part("forward"):
        try:
            forward_pass = ForwardPass(prepared, x, names, reshape, gradients, resumable)
        except OtherPath:
            forward_pass = ForwardPass(prepared.recorded(x), x, names, reshape, gradients, resumable, exact=True)
    return Trace(forward_pass, names, clock, probes or {}, keep)


def layer_names(model: nn.Module, layers: Sequence[str]) -> list[str]:
    """Return the names of the layers, each once; raises UnknownNameError where the model has no such module."""
    names = [layers] if isinstance(layers, str) else list(dict.fromkeys(layers))
    if not names:
        raise ExplainError("name at least one layer; stage_layers(model, x) lists the usual ones")
    modules = dict(model.named_modules())
    for name in names:
        if not name or name not in modules:
            raise UnknownNameError(
                f"unknown layer {name!r} in {type(model).__name__}.{closest(str(name), modules)} "
                "explainable_layers(model, x) lists the layers that have a map."
            )
    return names
