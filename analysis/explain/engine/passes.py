"""One forward pass of a prepared network, with what every later question about it needs."""

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
from analysis.explain.engine.prepared import Prepared
from analysis.explain.engine.resume import Tail, needed
from analysis.explain.engine.tokens import Reshape, ToMap, reshape_of
from analysis.explain.errors import LayerError, no_gradient


class OtherWay(LayerError):
    """This input takes another way through the network than the one whose anatomy was recorded."""


class Pass:
    """One forward pass of a prepared network over x, with the graph after the first wanted layer.

    `gradients` begins that graph; `tails` keeps what resuming after each layer takes. `exact` says that the
    anatomy was recorded on this very x, so that a layer that is not called in it is not called at all.

    Attributes
    ----------
    layers : the wanted layers that have a map.
    refusals : {layer: why it has no map}, for the others. Where no layer has one, LayerError is raised.
    """

    def __init__(
        self,
        prepared: Prepared,
        x: Tensor,
        layers: Sequence[str],
        reshape: Reshape = None,
        gradients: bool = True,
        tails: bool = True,
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
                if len(layers) == 1 or (isinstance(error, OtherWay) and not exact):
                    raise
                self.refusals[name] = str(error)
        self.layers = tuple(self.to_map)
        if not self.layers:
            raise LayerError(" ".join(dict.fromkeys(self.refusals.values())))
        self.outputs: dict[str, Tensor] = {}
        self._kept: dict[int, Any] = {}
        self._versions: list[tuple[Tensor, int]] = []
        self._called: dict[str, int] = {}
        self._tails: dict[str, Tail] = {}
        keep = {index for name in self.layers for index in needed(anatomy, name)} if tails else set()
        names = {*self.layers, *(anatomy.steps[index].name for index in keep)}
        with prepared.running() as network, ExitStack() as hooks:
            for name in names:
                see = self._see(name, keep, gradients)
                hooks.callback(network.get_submodule(name).register_forward_hook(see).remove)
            self.network_x = prepared.input(x)
            try:
                self._logits = logits_of(network(self.network_x), len(x))
            except RuntimeError as error:
                if "in-place operation" in str(error):  # of what was not known to be changed in place
                    raise OtherWay(str(error).splitlines()[0]) from error
                raise
        self._check_way(names)
        self.logits = self._logits.detach().to(prepared.sees)

    def _check_way(self, names: set[str]) -> None:
        """The anatomy is of another picture: what was concluded from it has to hold for these."""
        for name in self.layers:
            if name not in self.outputs:
                raise OtherWay(f"layer {name!r} is part of the model but is not called for this input")
        for name in names:
            if self._called.get(name, 0) != self.prepared.anatomy.times[name]:
                raise OtherWay(f"layer {name!r} is not called as often each time the network runs")
        if any(tensor._version != version for tensor, version in self._versions):
            raise OtherWay("a layer's output is changed in place, though not each time the network runs")

    def _see(self, name: str, keep: set[int], gradients: bool) -> Callable[[nn.Module, Any, Any], Any]:
        """A hook that keeps a module's output where it is wanted and begins the graph at the first wanted one."""
        steps = self.prepared.anatomy.steps
        turns = iter(self.prepared.anatomy.turns[name])

        def hook(module: nn.Module, inputs: Any, output: Any) -> Tensor | None:
            self._called[name] = self._called.get(name, 0) + 1
            index = next(turns, None)
            step = None if index is None else steps[index]
            mine = self._take(name, step, output, gradients) if name in self.to_map else None
            if index in keep:
                self._kept[index] = _held(output if mine is None else mine, step)
                self._versions.extend((held, held._version) for held in tensors_in(self._kept[index]))
            if name in self.outputs:
                self._versions.append((self.outputs[name], self.outputs[name]._version))
            return mine

        return hook

    def _take(self, name: str, step: Step | None, output: Any, gradients: bool) -> Tensor | None:
        if not isinstance(output, Tensor):
            raise LayerError(f"layer {name!r} put out a {type(output).__name__} for this input, not one tensor")
        # What the network changes in place behind the layer is a copy of what is kept here
        rewritten = step is None or step.rewritten
        if not gradients:
            self.outputs[name] = output.detach().clone() if rewritten else output.detach()
            return None
        # From here on a graph is needed; nothing before the first wanted layer pays for one.
        torch.set_grad_enabled(True)
        mine = output.clone() if rewritten else output
        if not mine.requires_grad:
            mine = mine.detach().requires_grad_()
        self.outputs[name] = mine
        return mine.clone() if rewritten else mine

    def activation(self, name: str) -> Tensor:
        return self._as_map(name, self.outputs[name].detach())

    def gradients(self, cotangent: Tensor, layers: Sequence[str], keep: bool) -> Gradients:
        """Return {layer: (B, C, h, w)} of the score that weights the logits (B, K), or why a layer has none.

        `keep` the graph for another score.
        """
        found: tuple[Tensor | None, ...] = (None,) * len(layers)
        if self._logits.requires_grad:
            try:
                with as_written():
                    found = torch.autograd.grad(
                        self._logits,
                        [self.outputs[name] for name in layers],
                        cotangent.to(self._logits.dtype),
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
        for name, gradient in zip(layers, found, strict=True):
            if gradient is None:
                gradients.refusals[name] = str(no_gradient(name))
                continue
            values = self._as_map(name, gradient.detach())
            if self.to_map[name] is not None and not bool(values.any()):
                gradients.refusals[name] = (
                    f"layer {name!r}: the score reads nothing from its places, only from its class token, so "
                    "every map would be zero. Choose an earlier layer: the last block but one, or the last "
                    "block's norm1."
                )
                continue
            gradients[name] = values
        return gradients

    def tail(self, layer: str) -> Tail:
        """The network behind a layer; checked at a network's first use of it."""
        if layer not in self._tails:
            output = self.outputs[layer].detach()
            tail = Tail(self.prepared, layer, self.network_x, output, self._kept, self.to_map[layer])
            if layer not in self.prepared.proven:
                tail.check(self.logits)
                self.prepared.proven.add(layer)
            if len(self.x) > 1 and layer not in self.prepared.unread and bool(self.logits.isfinite().all()):
                self.prepared.unread[layer] = tail.find_unread(self.logits)
            self._tails[layer] = tail
        return self._tails[layer]

    def _as_map(self, name: str, values: Tensor) -> Tensor:
        to_map = self.to_map[name]
        if to_map is not None:
            values = to_map(values)
        if values.ndim != 4:
            raise LayerError(f"layer {name!r}: the reshape gives {tuple(values.shape)}, not (B, C, h, w)")
        return values.to(self.prepared.sees)


def _to_map(prepared: Prepared, name: str, reshape: Reshape) -> ToMap | None:
    """The reshape of a layer's output, None where it is a feature map as it is; LayerError where it is neither."""
    anatomy = prepared.anatomy
    if name not in anatomy.last_call:
        raise OtherWay(f"layer {name!r} is part of the model but is not called for this input")
    step = anatomy.steps[anatomy.last_call[name]]
    said = reshape_of(reshape, name)
    if said is None and step.reason is not None:
        raise LayerError(
            f"layer {name!r} ({type(step.module).__name__}) has no map: {step.reason}. "
            "explainable_layers(model, x) lists the layers that have one."
        )
    return said or step.to_map


def _held(output: Any, step: Step | None) -> Any:
    """An output as it is now, out of the graph: what resuming the network hands out later."""
    if isinstance(output, Tensor):
        return output.detach().clone() if step is None or step.rewritten else output.detach()
    if isinstance(output, (tuple, list)):
        return like(output, (_held(item, None) for item in output))
    if isinstance(output, dict):
        return {key: _held(item, None) for key, item in output.items()}
    return output
