"""Hooks that store the output of a module and the gradient of that output.

They follow the chapter's `Hook` and `HookBwd`, as context managers that are always removed at the end:

    with BackwardHook(model[0]) as gradient, ForwardHook(model[0]) as activation:
        output = model(x)
        output[0, cls].backward()
    weights = gradient.stored[0].mean(dim=[1, 2], keepdim=True)
    cam_map = (weights * activation.stored[0]).sum(0)
"""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn


class ForwardHook:
    """Store a detached clone of a module's output, as long as the `with` block lasts.

    Parameters
    ----------
    module : any module with one tensor as output

    Attributes
    ----------
    stored : the output of the module's last call; None before the first. It stays after the block. Because it
        is a clone, an in-place ReLU after the module cannot change it.

    Raises
    ------
    TypeError : in the forward pass, where the output is not one tensor
    """

    def __init__(self, module: nn.Module) -> None:
        self.stored: Tensor | None = None
        self._module = module
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        self._cleanup.callback(self._module.register_forward_hook(self._store).remove)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def _store(self, module: nn.Module, inputs: Any, output: Any) -> None:
        # In inference mode the caller would get a tensor that autograd refuses.
        with torch.inference_mode(False):
            self.stored = _one_tensor(module, output).detach().clone()


class BackwardHook:
    """Store a detached clone of the gradient of a module's output, as long as the `with` block lasts.

    The forward pass and `backward()` both belong inside the block. Unlike `register_full_backward_hook` it works

    - before an in-place ReLU: the next module gets a clone of the output;
    - with frozen parameters, or where the forward pass is inside a `torch.no_grad()` of its own: the graph then
      begins at this module's output, which is all that the gradient needs;
    - where the block is opened inside `torch.no_grad()`: gradients are recorded until the end of the block;
    - where it is opened inside `torch.inference_mode()`: this mode is off until the end of the block, and
      gradients are recorded from this module's output on, because autograd refuses the caller's own tensors.

    Parameters
    ----------
    module : any module with one floating-point tensor as output

    Attributes
    ----------
    stored : the gradient, in the shape of the output; None before `backward()`. It belongs to the module's last
        forward call, as `ForwardHook.stored` does, so the two can be multiplied also where a module is called
        several times.

    Raises
    ------
    RuntimeError : in the forward pass, where inference mode is on inside the block
    TypeError : in the forward pass, where the output is not one floating-point tensor
    """

    def __init__(self, module: nn.Module) -> None:
        self.stored: Tensor | None = None
        self._module = module
        self._calls = 0
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as cleanup:
            inference = torch.is_inference_mode_enabled()
            if inference:
                cleanup.enter_context(torch.inference_mode(False))
            # The hook switches gradients on during the forward pass; the end of this context switches them back.
            cleanup.enter_context(torch.set_grad_enabled(not inference))
            cleanup.callback(self._module.register_forward_hook(self._begin).remove)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def _begin(self, module: nn.Module, inputs: Any, output: Any) -> Tensor:
        output = _one_tensor(module, output)
        if torch.is_inference_mode_enabled():
            raise RuntimeError(
                "torch.inference_mode() inside a BackwardHook block keeps no graph, so there is no gradient "
                "to store. Run the model outside it (torch.no_grad() is fine)."
            )
        if not output.is_floating_point():
            raise TypeError(
                f"{type(module).__name__} outputs {output.dtype}, which has no gradient. "
                f"Hook a module that outputs floats."
            )
        self._calls += 1
        self.stored = None
        torch.set_grad_enabled(True)
        if not output.requires_grad:
            output = output.clone().requires_grad_()
        call = self._calls

        def store(gradient: Tensor) -> None:
            if call == self._calls:
                self.stored = gradient.detach().clone()

        output.register_hook(store)
        return output.clone()


def _one_tensor(module: nn.Module, output: Any) -> Tensor:
    if not isinstance(output, Tensor):
        raise TypeError(
            f"{type(module).__name__} outputs a {type(output).__name__}. Hook a module that outputs one tensor."
        )
    return output
