"""What happens inside a network for one input: every module call, in order, and what kind of output it has."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from analysis.explain.engine.feature_map import LayerInfo, layer_info, why_not_spatial
from analysis.explain.engine.tokens import ToMap, network_reshape


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a module without children; two calls of one module are not equal.

    Attributes
    ----------
    name, module : the module and its path.
    spatial : whether its output has a map.
    """

    name: str
    module: nn.Module
    spatial: bool


@dataclass(frozen=True)
class Step:
    """One call of one named module.

    Attributes
    ----------
    name, module : the module and its path.
    reason : why its output has no map; None where it has one.
    info : the description of the layer; None where the output has no map or is a single cell.
    parent : index of the step that made this call; None for a call by the network's own forward.
    rewritten_by : the calls of childless modules that changed its output in place after it had been returned;
        -1 for a change by anything else.
    before : index of the step whose output was the input of this one; None where there is none.
    to_map : from the output to (B, C, h, w), where the network's attributes say how tokens are arranged; else
        None.
    """

    name: str
    module: nn.Module
    reason: str | None
    info: LayerInfo | None
    parent: int | None
    rewritten_by: tuple[int, ...]
    before: int | None
    to_map: ToMap | None = None

    @property
    def rewritten(self) -> bool:
        """Whether its output was changed in place after it had been returned."""
        return bool(self.rewritten_by)

    @property
    def leaf(self) -> bool:
        """Whether the module has no children."""
        return next(self.module.children(), None) is None


@dataclass(frozen=True)
class Anatomy:
    """The record of one forward pass of a network.

    Attributes
    ----------
    steps : every module call, in the order in which the calls began.
    ended : indices of the steps, in the order in which the calls returned.
    """

    steps: tuple[Step, ...]
    ended: tuple[int, ...]

    @cached_property
    def last_call(self) -> dict[str, int]:
        """{name: index of the module's last call to return}."""
        return {self.steps[index].name: index for index in self.ended}

    @cached_property
    def times(self) -> dict[str, int]:
        """{name: how often the module is called}."""
        counts: dict[str, int] = {}
        for step in self.steps:
            counts[step.name] = counts.get(step.name, 0) + 1
        return counts

    def layers(self) -> list[LayerInfo]:
        """Return the layers with a map, in the order of their first output, described by their last call."""
        infos: dict[str, LayerInfo] = {}
        for index in self.ended:
            step = self.steps[index]
            if step.info is not None:
                infos[step.name] = step.info
        return list(infos.values())

    @cached_property
    def turns(self) -> dict[str, tuple[int, ...]]:
        """{name: indices of its steps, in the order in which they returned}."""
        indices: dict[str, tuple[int, ...]] = {}
        for index in self.ended:
            name = self.steps[index].name
            indices[name] = (*indices.get(name, ()), index)
        return indices

    @cached_property
    def _leaf_calls(self) -> dict[int, Call]:
        steps = ((index, self.steps[index]) for index in self.ended)
        return {index: Call(step.name, step.module, step.info is not None) for index, step in steps if step.leaf}

    def calls_after(self, name: str) -> tuple[Call, ...]:
        """Return the calls of childless modules that end after the last call of `name`, in order.

        The same call is the same object each time.
        """
        position = self.ended.index(self.last_call[name])
        return tuple(self._leaf_calls[index] for index in self.ended[position + 1 :] if index in self._leaf_calls)

    def open_at(self, index: int) -> list[int]:
        """Return the indices of the steps that were still running when a step was called, innermost first."""
        chain, parent = [], self.steps[index].parent
        while parent is not None:
            chain.append(parent)
            parent = self.steps[parent].parent
        return chain

    def skipped_before(self, index: int) -> list[int]:
        """Return the steps that have ended when step `index` ends and lie in no other ended step, in order.

        To resume the network at that step, their outputs are needed, and nothing else from before it.
        """
        enclosing = {None, *self.open_at(index)}
        over = set(self.ended[: self.ended.index(index)])
        return [at for at, step in enumerate(self.steps) if at in over and step.parent in enclosing]

    def rewritten_after(self, index: int, at: int) -> bool:
        """Return whether the output of step `index` is changed in place by something that runs after step `at`."""
        place = {step: position for position, step in enumerate(self.ended)}
        return any(by < 0 or place[by] > place[at] for by in self.steps[index].rewritten_by)


def record(network: nn.Module, x: Tensor) -> Anatomy:
    """Run a network once, without gradients, and record every module call.

    Parameters
    ----------
    network : a network in evaluation mode.
    x : (B, 3, H, W), on its device.
    """
    begun: list[tuple[str, nn.Module, int | None, int | None]] = []
    outputs: dict[int, tuple[Any, int]] = {}  # keeps every output until the end, so that no id is used twice
    open_steps: list[int] = []
    source_of: dict[int, int] = {}
    version_before: dict[int, int] = {}
    changes: list[tuple[int, int, int]] = []  # (storage, its version after, the call that changed it)

    def begin(name: str) -> Callable[[nn.Module, Any], None]:
        def on_call(module: nn.Module, inputs: Any) -> None:
            before = source_of.get(id(inputs[0])) if inputs else None
            if before is not None and outputs[before][1] != _version(inputs[0]):
                before = None  # changed in place meanwhile
            begun.append((name, module, open_steps[-1] if open_steps else None, before))
            open_steps.append(len(begun) - 1)
            version_before[open_steps[-1]] = _version(inputs[0]) if inputs else 0

        return on_call

    def on_return(module: nn.Module, inputs: Any, output: Any) -> None:
        index = open_steps.pop()
        leaf = next(module.children(), None) is None
        if leaf and inputs and _version(inputs[0]) > version_before[index]:
            after = range(version_before[index] + 1, _version(inputs[0]) + 1)
            changes.extend((_storage(inputs[0]), version, index) for version in after)
        outputs[index] = (output, _version(output))
        if id(output) not in source_of or leaf:
            # A container that only returns the output of its last child is not the source of that output.
            source_of[id(output)] = index

    with torch.no_grad(), ExitStack() as hooks:
        for name, module in network.named_modules():
            if name:
                hooks.callback(module.register_forward_pre_hook(begin(name)).remove)
                hooks.callback(module.register_forward_hook(on_return).remove)
        network(x)
    changed_by = {(storage, version): index for storage, version, index in changes}
    steps = []
    for index, call in enumerate(begun):
        output, version = outputs[index]
        later = range(version + 1, _version(output) + 1)
        rewritten_by = tuple(changed_by.get((_storage(output), number), -1) for number in later)
        steps.append(_step(network, x, *call, output, rewritten_by))
    return Anatomy(tuple(steps), tuple(outputs))


def _version(value: Any) -> int:
    return value._version if isinstance(value, Tensor) else 0


def _storage(value: Any) -> int:
    return value.untyped_storage().data_ptr() if isinstance(value, Tensor) else 0


def _step(
    network: nn.Module,
    x: Tensor,
    name: str,
    module: nn.Module,
    parent: int | None,
    before: int | None,
    output: Any,
    rewritten_by: tuple[int, ...],
) -> Step:
    reason, to_map, info = why_not_spatial(module, output, x), None, None
    # Also checked for what looks like a map already: (B, h, w, C) of a Swin, where C and w happen to be equal.
    if reason is not None or not isinstance(module, nn.Conv2d):
        to_map = network_reshape(network, output, x)
        reason = reason if to_map is None else None
    if reason is None:
        values = output if to_map is None else to_map(output)
        if values.shape[2] * values.shape[3] > 1:  # a pooled 1 x 1 output has no map
            info = layer_info(name, values, x)
    return Step(name, module, reason, info, parent, rewritten_by, before, to_map)
