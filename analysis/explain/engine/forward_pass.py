"""One forward pass of a prepared network, with what its gradients and its resumption need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from analysis.explain.engine.anatomy import Step
from analysis.explain.engine.gradients import Gradients
from analysis.explain.engine.inputs import as_written
from analysis.explain.engine.outputs import like, logits_of, tensors_in
from analysis.explain.engine.preparation import PreparedModel
from analysis.explain.engine.resume import ResumedNetwork, needed_steps
from analysis.explain.engine.tokens import Reshape, ToMap, reshape_of
from analysis.explain.errors import LayerError, no_gradient


class OtherPath(LayerError):
    """For this input the network calls other modules than in the run that was recorded."""


class ForwardPass:
    """One forward pass of a prepared network over x.

    Parameters
    ----------
    prepared : the network and how it is run.
    x : (B, 3, H, W), normalised.
    layers : names of the layers to record.
    reshape : how tokens are arranged, as in `explain`.
    gradients : record a graph from the first of the layers on.
    resumable : store what resuming after each layer needs.
    exact : the anatomy was recorded on this very x, so a layer that is not in it is not called at all.

    Attributes
    ----------
    layers : the layers that have a map.
    refusals : {layer: why it has no map}, for the others.
    outputs : {layer: its output in the last call}, part of the graph with `gradients`.
    logits : (B, K) float32 (float64 in a float64 network), detached.

    Raises
    ------
    LayerError : no layer has a map. OtherPath (a LayerError) : the network calls other modules for this x.
    """

    def __init__(
        self,
        prepared: PreparedModel,
        x: Tensor,
        layers: Sequence[str],
        reshape: Reshape = None,
        gradients: bool = True,
        resumable: bool = True,
        exact: bool = False,
    ) -> None:
        self.prepared, self.x = prepared, x
        anatomy = prepared.anatomy
        self.to_map: dict[str, ToMap | None] = {}
        self.refusals: dict[str, str] = {}
        for name in layers:
            try:
                self.to_map[name] = _to_map(prepared, name, reshape)
            except LayerError as error:
                if len(layers) == 1 or (isinstance(error, OtherPath) and not exact):
                    raise
                self.refusals[name] = str(error)
        self.layers = tuple(self.to_map)
        if not self.layers:
            raise LayerError(" ".join(dict.fromkeys(self.refusals.values())))
        self.outputs: dict[str, Tensor] = {}
        self._step_outputs: dict[int, Any] = {}
        self._versions: list[tuple[Tensor, int]] = []
        self._call_counts: dict[str, int] = {}
        self._resumed: dict[str, ResumedNetwork] = {}
        keep = {index for name in self.layers for index in needed_steps(anatomy, name)} if resumable else set()
        names = {*self.layers, *(anatomy.steps[index].name for index in keep)}
        with prepared.running() as network, ExitStack() as hooks:
            for name in names:
                hook = self._output_hook(name, keep, gradients)
                hooks.callback(network.get_submodule(name).register_forward_hook(hook).remove)
            self.network_x = prepared.input(x)
            try:
                self._logits = logits_of(network(self.network_x), len(x))
            except RuntimeError as error:
                if "in-place operation" in str(error):  # one that the recorded run did not have
                    raise OtherPath(str(error).splitlines()[0]) from error
                raise
        self._check_path(names)
        self.logits = self._logits.detach().to(prepared.output_dtype)

    def _check_path(self, names: set[str]) -> None:
        """Raise OtherPath where the anatomy, recorded on another image, does not hold for these."""
        for name in self.layers:
            if name not in self.outputs:
                raise OtherPath(f"layer {name!r} is part of the model but is not called for this input")
        for name in names:
            if self._call_counts.get(name, 0) != self.prepared.anatomy.times[name]:
                raise OtherPath(f"layer {name!r} is not called as often each time the network runs")
        if any(tensor._version != version for tensor, version in self._versions):
            raise OtherPath("a layer's output is changed in place, though not each time the network runs")

    def _output_hook(self, name: str, keep: set[int], gradients: bool) -> Callable[[nn.Module, Any, Any], Any]:
        """Return a hook that stores a module's outputs; the graph begins at the first of the wanted layers."""
        steps = self.prepared.anatomy.steps
        turns = iter(self.prepared.anatomy.turns[name])

        def hook(module: nn.Module, inputs: Any, output: Any) -> Tensor | None:
            self._call_counts[name] = self._call_counts.get(name, 0) + 1
            index = next(turns, None)
            step = None if index is None else steps[index]
            recorded = self._record(name, step, output, gradients) if name in self.to_map else None
            if index in keep:
                self._step_outputs[index] = _snapshot(output if recorded is None else recorded, step)
                tensors = tensors_in(self._step_outputs[index])
                self._versions.extend((tensor, tensor._version) for tensor in tensors)
            if name in self.outputs:
                self._versions.append((self.outputs[name], self.outputs[name]._version))
            return recorded

        return hook

    def _record(self, name: str, step: Step | None, output: Any, gradients: bool) -> Tensor | None:
        if not isinstance(output, Tensor):
            raise LayerError(f"layer {name!r} outputs a {type(output).__name__} for this input, not one tensor")
        # Where the network changes the output in place afterwards, it gets a copy of what is stored here.
        rewritten = step is None or step.rewritten
        if not gradients:
            self.outputs[name] = output.detach().clone() if rewritten else output.detach()
            return None
        # The graph begins here: the modules before the first of the layers run without one.
        torch.set_grad_enabled(True)
        stored = output.clone() if rewritten else output
        if not stored.requires_grad:
            stored = stored.detach().requires_grad_()
        self.outputs[name] = stored
        return stored.clone() if rewritten else stored

    def activation(self, name: str) -> Tensor:
        """Return the activation (B, C, h, w) of a layer, detached."""
        return self._as_map(name, self.outputs[name].detach())

    def gradients(self, logit_weights: Tensor, layers: Sequence[str], keep: bool) -> Gradients:
        """Return the gradients (B, C, h, w) at each layer of the sum of logits times `logit_weights` (B, K).

        A layer that no gradient reaches is left out; `Gradients.refusals` says why. With `keep` the graph is kept
        for a second call.
        """
        values: tuple[Tensor | None, ...] = (None,) * len(layers)
        if self._logits.requires_grad:
            try:
                with as_written():
                    values = torch.autograd.grad(
                        self._logits,
                        [self.outputs[name] for name in layers],
                        logit_weights.to(self._logits.dtype),
                        retain_graph=keep,
                        allow_unused=True,
                    )
            except RuntimeError as error:
                if isinstance(error, torch.OutOfMemoryError):
                    raise
                reason = str(error).splitlines()[0]
                why = f"the network can't be differentiated after {', '.join(layers)}: {reason}"
                return Gradients(refusals=dict.fromkeys(layers, why))
        gradients = Gradients()
        for name, gradient in zip(layers, values, strict=True):
            if gradient is None:
                gradients.refusals[name] = str(no_gradient(name))
                continue
            as_map = self._as_map(name, gradient.detach())
            if self.to_map[name] is not None and not bool(as_map.any()):
                gradients.refusals[name] = (
                    f"layer {name!r}: the score depends on its class token only, not on the tokens of its cells, "
                    "so every map would be zero. Choose an earlier layer: the last block but one, or norm1 of the "
                    "last block."
                )
                continue
            gradients[name] = as_map
        return gradients

    def resume(self, layer: str) -> ResumedNetwork:
        """Return the network after a layer; the first one of a layer is checked against the whole network."""
        if layer not in self._resumed:
            output = self.outputs[layer].detach()
            network = ResumedNetwork(
                self.prepared, layer, self.network_x, output, self._step_outputs, self.to_map[layer]
            )
            if layer not in self.prepared.checked_layers:
                network.check(self.logits)
                self.prepared.checked_layers.add(layer)
            unknown = layer not in self.prepared.unused_outputs
            if unknown and len(self.x) > 1 and bool(self.logits.isfinite().all()):
                self.prepared.unused_outputs[layer] = network.find_unused_outputs(self.logits)
            self._resumed[layer] = network
        return self._resumed[layer]

    def _as_map(self, name: str, values: Tensor) -> Tensor:
        to_map = self.to_map[name]
        if to_map is not None:
            values = to_map(values)
        if values.ndim != 4:
            raise LayerError(f"layer {name!r}: the reshape gives {tuple(values.shape)}, not (B, C, h, w)")
        return values.to(self.prepared.output_dtype)


def _to_map(prepared: PreparedModel, name: str, reshape: Reshape) -> ToMap | None:
    """Return the reshape of a layer's output, or None where the output is a feature map already.

    Raises LayerError where it is neither.
    """
    anatomy = prepared.anatomy
    if name not in anatomy.last_call:
        raise OtherPath(f"layer {name!r} is part of the model but is not called for this input")
    step = anatomy.steps[anatomy.last_call[name]]
    given = reshape_of(reshape, name)
    if given is None and step.reason is not None:
        raise LayerError(
            f"layer {name!r} ({type(step.module).__name__}) has no map: {step.reason}. "
            "explainable_layers(model, x) lists the layers that have one."
        )
    return given or step.to_map


def _snapshot(output: Any, step: Step | None) -> Any:
    """Return an output as it is now, without its graph, to be replayed when the network is resumed."""
    if isinstance(output, Tensor):
        return output.detach().clone() if step is None or step.rewritten else output.detach()
    if isinstance(output, (tuple, list)):
        return like(output, (_snapshot(item, None) for item in output))
    if isinstance(output, dict):
        return {key: _snapshot(item, None) for key, item in output.items()}
    return output
