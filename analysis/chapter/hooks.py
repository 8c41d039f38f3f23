"""What a hook is, what a forward pass leaves in memory without one, and a hook that stores."""

from __future__ import annotations

import weakref
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from analysis.chapter.execution import Execution, execute, source_of
from analysis.chapter.subject import Subject, count_hooks
from analysis.hooks import ForwardHook


@dataclass(frozen=True)
class ForwardPass:
    """What hooks recorded while a picture went through the network.

    Attributes
    ----------
    calls : (name, kind, output shape) of every module without children, in the order of the calls.
    hooks_before, hooks_inside, hooks_after : how many hooks the network has before, inside and after the block.
    """

    calls: tuple[tuple[str, str, tuple[int, ...]], ...]
    hooks_before: int
    hooks_inside: int
    hooks_after: int


def record_shapes(model: nn.Module, x: Tensor) -> tuple[list[tuple[str, str, tuple[int, ...]]], int]:
    """Record each layer's name, kind and output shape during one forward pass, and count the hooks."""
    calls: list[tuple[str, str, tuple[int, ...]]] = []

    def record(name: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
        calls.append((name, type(module).__name__, tuple(output.shape)))

    with ExitStack() as cleanup, torch.no_grad():
        for name, module in model.named_modules():
            if next(module.children(), None) is None:
                hook = module.register_forward_hook(lambda *call, name=name: record(name, *call))
                cleanup.callback(hook.remove)
        hooks = count_hooks(model)
        model(x)
    return calls, hooks


def forward_pass(subject: Subject) -> Execution[ForwardPass]:
    """Answer question 1: the shapes, layer by layer, and the number of hooks."""
    model = subject.copy()
    before = count_hooks(model)
    execution = execute(record_shapes, model, subject.x)
    calls, inside = execution.result
    return Execution(execution.source, ForwardPass(tuple(calls), before, inside, count_hooks(model)))


@dataclass(frozen=True)
class Lifetime:
    """Whether a layer's output is still in memory after the forward pass.

    Attributes
    ----------
    output_shape, activation_shape : shapes of the network's output and of the layer's.
    freed : whether the layer's output is gone.
    """

    output_shape: tuple[int, ...]
    activation_shape: tuple[int, ...]
    freed: bool


def activation_lifetime(model: nn.Module, layer: nn.Module, x: Tensor) -> Lifetime:
    """Keep only a weak reference to a layer's output, and follow it when the prediction is ready."""
    references: list[Any] = []
    shapes: list[tuple[int, ...]] = []

    def watch(module: nn.Module, inputs: Any, output: Tensor) -> None:
        references.append(weakref.ref(output))
        shapes.append(tuple(output.shape))

    handle = layer.register_forward_hook(watch)
    with torch.no_grad():
        output = model(x)
    handle.remove()
    return Lifetime(tuple(output.shape), shapes[0], freed=references[0]() is None)


def body_lifetime(subject: Subject) -> Execution[Lifetime]:
    """Answer question 3: whether the body's output is still in memory after the prediction."""
    model = subject.copy()
    return execute(activation_lifetime, model, model.get_submodule(subject.body), subject.x)


@dataclass(frozen=True)
class StoredActivation:
    """What a storing hook holds.

    Attributes
    ----------
    shape, largest : shape and largest value of the stored tensor.
    difference : largest distance to the same activation without a hook; None where it cannot be computed.
    hooks_after : how many hooks the network has afterwards.
    """

    shape: tuple[int, ...]
    largest: float
    difference: float | None
    hooks_after: int


def store_activation(model: nn.Module, layer: nn.Module, x: Tensor) -> Tensor:
    """Run the model and return the output of one of its layers."""
    with ForwardHook(layer) as hook, torch.no_grad():
        model(x)
    assert hook.stored is not None
    return hook.stored


def stored_activation(subject: Subject) -> tuple[str, Execution[StoredActivation]]:
    """Answer question 5: the source code of a storing hook, and what it stored.

    The body of a fastai learner can be called by itself, so what the hook stored can be checked.
    """
    model = subject.copy()
    layer = model.get_submodule(subject.body)
    execution = execute(store_activation, model, layer, subject.x)
    activation = execution.result
    difference = None
    if isinstance(model, nn.Sequential) and layer is model[0]:
        with torch.no_grad():
            difference = float((layer(subject.x) - activation).abs().max())
    stored = StoredActivation(tuple(activation.shape), float(activation.max()), difference, count_hooks(model))
    return source_of(ForwardHook), Execution(execution.source, stored)
