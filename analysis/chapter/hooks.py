"""What a hook is, what would be lost without one, and one that stores."""

from __future__ import annotations

import weakref
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from analysis.chapter.running import Ran, code_of, run
from analysis.chapter.subject import Subject, count_hooks
from analysis.hooks import ForwardHook


@dataclass(frozen=True)
class Passage:
    """A picture's way through the network, noted by hooks.

    `seen` is (name, kind, output shape) of every childless module, in the order of the calls; `before`,
    `inside` and `after` count the hooks on the network around and within the `with` block.
    """

    seen: tuple[tuple[str, str, tuple[int, ...]], ...]
    before: int
    inside: int
    after: int


def record_shapes(model: nn.Module, x: Tensor) -> tuple[list[tuple[str, str, tuple[int, ...]]], int]:
    """Note every layer's name, kind and output shape while a picture passes."""
    seen: list[tuple[str, str, tuple[int, ...]]] = []

    def note(name: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
        seen.append((name, type(module).__name__, tuple(output.shape)))

    with ExitStack() as leaving, torch.no_grad():
        for name, module in model.named_modules():
            if next(module.children(), None) is None:
                hook = module.register_forward_hook(lambda *call, name=name: note(name, *call))
                leaving.callback(hook.remove)
        hanging = count_hooks(model)
        model(x)
    return seen, hanging


def passage(subject: Subject) -> Ran[Passage]:
    """Question 1: shapes, layer by layer, and the hooks that are left."""
    model = subject.model()
    before = count_hooks(model)
    ran = run(record_shapes, model, subject.x)
    seen, inside = ran.result
    return Ran(ran.code, Passage(tuple(seen), before, inside, count_hooks(model)))


@dataclass(frozen=True)
class Fleeting:
    """Whether a layer's output outlives the forward pass: `output` and `activation` are shapes."""

    output: tuple[int, ...]
    activation: tuple[int, ...]
    gone: bool


def look_after_the_pass(model: nn.Module, layer: nn.Module, x: Tensor) -> Fleeting:
    """Watch a layer's output without holding on to it, and look for it when the prediction is there."""
    watched: list[Any] = []
    shape: list[tuple[int, ...]] = []

    def watch(module: nn.Module, inputs: Any, output: Tensor) -> None:
        watched.append(weakref.ref(output))
        shape.append(tuple(output.shape))

    handle = layer.register_forward_hook(watch)
    with torch.no_grad():
        output = model(x)
    handle.remove()
    return Fleeting(tuple(output.shape), shape[0], gone=watched[0]() is None)


def fleeting(subject: Subject) -> Ran[Fleeting]:
    """Answer question 3: what is left in memory of the activations after a prediction."""
    model = subject.model()
    return run(look_after_the_pass, model, model.get_submodule(subject.body), subject.x)


@dataclass(frozen=True)
class Stored:
    """What a storing hook holds, beside the same activation got without a hook (None where there is no way)."""

    shape: tuple[int, ...]
    largest: float
    difference: float | None
    left: int


def store_activation(model: nn.Module, layer: nn.Module, x: Tensor) -> Tensor:
    """Run the model and return the output of a layer on the way."""
    with ForwardHook(layer) as hook, torch.no_grad():
        model(x)
    assert hook.stored is not None
    return hook.stored


def storing(subject: Subject) -> tuple[str, Ran[Stored]]:
    """Question 5: the source of a storing hook, and what it stored.

    The body of a fastai learner can be called by itself, so what the hook stored can be checked.
    """
    model = subject.model()
    layer = model.get_submodule(subject.body)
    ran = run(store_activation, model, layer, subject.x)
    stored = ran.result
    difference = None
    if isinstance(model, nn.Sequential) and layer is model[0]:
        with torch.no_grad():
            difference = float((layer(subject.x) - stored).abs().max())
    found = Stored(tuple(stored.shape), float(stored.max()), difference, count_hooks(model))
    return code_of(ForwardHook), Ran(ran.code, found)
