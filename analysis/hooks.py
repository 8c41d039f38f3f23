"""Hooks that store the output of a module and its gradient.

They follow the chapter's `Hook` and `HookBwd`, as context managers that always leave:

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
    """Stores a detached clone of a module's output while the `with` block lasts.

    `stored` is None before the first call and holds the last call's output afterwards, also after the
    block. Because it is a clone, an in-place ReLU after the module cannot change it. Raises TypeError
    in the forward pass where the module returns something other than one tensor.
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
        with torch.inference_mode(False):  # else a caller in inference mode gets a tensor autograd refuses
            self.stored = _one_tensor(module, output).detach().clone()


class BackwardHook:
    """Stores the gradient of a module's output, a detached clone, while the `with` block lasts.

    The forward pass and the `backward()` both belong inside the block. `stored` is None until then; it
    has the shape of the output and belongs to the module's last forward call, as `ForwardHook.stored`
    does, so the two can be multiplied also where one module is called several times.

    Unlike `register_full_backward_hook` it works

    - before an in-place ReLU: the module's output is handed on as a clone;
    - with frozen parameters, and under a `torch.no_grad()` between block and forward pass: a graph is then
      begun at this module's output, which is all that the gradient needs;
    - where the block is opened inside `torch.no_grad()`: gradients are recorded until its end;
    - where it is opened inside `torch.inference_mode()`: that is suspended until its end, and gradients are
      recorded from this module's output on, since autograd refuses the caller's tensors before it.

    Raises RuntimeError in the forward pass where inference mode is entered inside the block, TypeError
    where the output is not one floating-point tensor.
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
            # The hook may switch gradients on in mid-forward; leaving this context switches them back.
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
            raise TypeError(f"{type(module).__name__} returns {output.dtype}, which has no gradient")
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
            f"{type(module).__name__} returns a {type(output).__name__}; hook a module that returns one tensor"
        )
    return output
