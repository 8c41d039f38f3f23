"""Context managers: what happens to a hook when an error is raised inside the block."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from analysis.chapter.execution import Execution, execute, source_of
from analysis.chapter.subject import Subject, count_hooks
from analysis.hooks import ForwardHook


@dataclass(frozen=True)
class HookCounts:
    """How many hooks a network has before, inside and after a block that raises, and the error it raises."""

    before: int
    inside: int
    after: int
    error: str


def fail_inside_with(model: nn.Module, layer: nn.Module, x: Tensor) -> HookCounts:
    """Raise an error inside a `with` block: the first convolution refuses a picture with one colour channel."""
    before, inside = count_hooks(model), 0
    try:
        with ForwardHook(layer):
            inside = count_hooks(model)
            model(x[:, :1])
    except RuntimeError as error:
        return HookCounts(before, inside, count_hooks(model), f"{type(error).__name__}: {error}")
    raise AssertionError("the network accepted a picture with one colour channel")


def fail_without_with(model: nn.Module, layer: nn.Module, x: Tensor) -> HookCounts:
    """Raise the same error without `with`: the line that removes the hook is never reached."""
    before, inside = count_hooks(model), 0
    try:
        handle = layer.register_forward_hook(lambda module, inputs, output: None)
        inside = count_hooks(model)
        model(x[:, :1])
        handle.remove()
    except RuntimeError as error:
        return HookCounts(before, inside, count_hooks(model), f"{type(error).__name__}: {error}")
    raise AssertionError("the network accepted a picture with one colour channel")


def failures(subject: Subject) -> tuple[Execution[HookCounts], Execution[HookCounts], str]:
    """Answer question 10.

    Returns
    -------
    The failure inside a context manager, the failure without one, and the source code of the two methods that
    make `ForwardHook` a context manager.
    """
    with_manager, without_manager = (
        execute(function, model, model.get_submodule(subject.body), subject.x)
        for function, model in ((fail_inside_with, subject.copy()), (fail_without_with, subject.copy()))
    )
    methods = f"{source_of(ForwardHook.__enter__)}\n\n{source_of(ForwardHook.__exit__)}"
    return with_manager, without_manager, methods
