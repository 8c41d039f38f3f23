"""Run a network from one of its layers on, with another activation of that layer.

Modules that had returned before the layer did return their stored output again, the layer returns the new
activation, and everything after it is computed. So a hundred changed activations of the last stage take the time
of a hundred runs of the head, not of a hundred runs of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from analysis.explain.engine.anatomy import Anatomy, Call
from analysis.explain.engine.inputs import as_written
from analysis.explain.engine.outputs import like, logits_of, near
from analysis.explain.engine.preparation import PreparedModel
from analysis.explain.engine.tokens import ToMap
from analysis.explain.errors import ExplainError, LayerError

_RUN_MODULE = object()
# Values of an output that nothing reads. NaN spreads through arithmetic, the others decide comparisons.
_PLACEHOLDERS = (float("nan"), 1e4, -1e4)
_INPUT = -1  # the number of the network's input among the steps' outputs
# Allowed relative difference between the logits of the resumed and the whole network: rounding of other batch
# sizes.
_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 5e-2}


class ResumedNetwork:
    """The part of a network after the last call of a layer, ready to run on other activations of that layer.

    Parameters
    ----------
    prepared : the network and how it is run.
    layer : the layer's name.
    x : (B, 3, H, W), the input of the pass, as the network takes it.
    output : the layer's own output in that pass.
    step_outputs : {step: its output in that pass} for each of `needed_steps`.
    to_map : from the layer's output to (B, C, h, w), where it is not a feature map itself. It needs a method
        `inverse`; without one, LayerError is raised.

    Attributes
    ----------
    calls : the calls of childless modules after the layer, in forward order.
    """

    def __init__(
        self,
        prepared: PreparedModel,
        layer: str,
        x: Tensor,
        output: Tensor,
        step_outputs: Mapping[int, Any],
        to_map: ToMap | None,
    ) -> None:
        self.calls: tuple[Call, ...] = prepared.anatomy.calls_after(layer)
        self._prepared, self._layer, self._x, self._output = prepared, layer, x, output
        self._step_outputs, self._to_map = step_outputs, to_map
        self._at = at = prepared.anatomy.last_call[layer]
        self._plan = _replay_plan(prepared.anatomy, at)
        replayed = {index for calls in self._plan.values() for index in calls if index is not None}
        self._overwritten = {index for index in replayed if prepared.anatomy.rewritten_after(index, at)}
        self._placeholder = _PLACEHOLDERS[0]
        self._unused = prepared.unused_outputs.get(layer, set())
        if to_map is not None and not hasattr(to_map, "inverse"):
            raise LayerError(
                f"layer {layer!r}: this method changes the activation, so it needs the inverse of the reshape; "
                "give a TokenGrid or channels_last in place of a function"
            )

    def __call__(self, activation: Tensor, images: Tensor) -> Tensor:
        """Return logits (N, K), float32 (float64 in a float64 network), for activations (N, C, h, w).

        `images` (N,) int64 says which image of the batch each activation belongs to. The logits are differentiable
        in `activation` where the caller has gradients switched on.
        """
        return self.run_with_outputs(activation, images, ())[0]

    def run_with_outputs(
        self, activation: Tensor, images: Tensor, calls: Sequence[Call]
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the logits, and the outputs of some of `self.calls` in the given order, as part of the graph."""
        raw = activation if self._to_map is None else self._inverse(activation, images)
        raw = raw.to(self._output.dtype)
        outputs: dict[int, Tensor] = {}
        with self._prepared.lock, as_written(), ExitStack() as stack:
            if calls:
                stack.enter_context(self._collecting(calls, outputs))
            stack.enter_context(self._resumed(raw, images))
            logits = logits_of(self._prepared.network(self._output_of(_INPUT, images)), len(images))
        missing = [call.name for call in calls if self.calls.index(call) not in outputs]
        if missing:
            raise ExplainError(f"{missing[0]!r} is not called when the network is resumed after {self._layer!r}")
        return logits.to(self._prepared.output_dtype), [outputs[self.calls.index(call)] for call in calls]

    def check(self, logits: Tensor) -> None:
        """Raise ExplainError unless the resumed network gives the logits (B, K), with images in another order."""
        images = torch.arange(len(self._x), device=self._x.device)
        images = torch.cat([images.flip(0), images[:1]])
        with torch.no_grad():
            activation = self._output if self._to_map is None else self._to_map(self._output)
            try:
                again = self(activation[images].to(self._prepared.output_dtype), images)
            except RuntimeError as error:  # shapes do not fit where a stored output is not a batch of images
                if isinstance(error, torch.OutOfMemoryError):
                    raise
                raise self._refusal(str(error).splitlines()[0]) from error
        if not self._same(again, logits[images]):
            raise self._refusal(f"its logits would differ by {float((again - logits[images]).abs().max()):.3g}")

    def find_unused_outputs(self, logits: Tensor) -> set[int]:
        """Return the stored outputs that nothing after the layer reads, mostly those of earlier stages.

        Placeholders of the right shape then take their place, which saves selecting them for every example. An
        output is unused if the logits (B, K) stay the same when it is replaced.
        """
        images = torch.arange(len(self._x), device=self._x.device)
        activation = self._output if self._to_map is None else self._to_map(self._output)
        replayed = {index for calls in self._plan.values() for index in calls if index is not None}
        for index in (_INPUT, *sorted(replayed - self._overwritten - {self._at})):
            self._unused.add(index)
            for self._placeholder in _PLACEHOLDERS:
                try:
                    with torch.no_grad():
                        same = self._same(self(activation.to(self._prepared.output_dtype), images), logits)
                except (RuntimeError, ExplainError):
                    same = False
                if not same:
                    self._unused.discard(index)
                    break
        self._placeholder = _PLACEHOLDERS[0]
        return self._unused

    def _same(self, logits: Tensor, expected: Tensor) -> bool:
        return near(logits, expected, _TOLERANCE.get(self._prepared.dtype, 5e-2))

    def _refusal(self, reason: str) -> ExplainError:
        return ExplainError(
            f"the network can't be resumed after {self._layer!r} ({reason}), so methods that change activations "
            "don't work there; use a gradient method such as gradcam"
        )

    def _inverse(self, activation: Tensor, images: Tensor) -> Tensor:
        assert self._to_map is not None
        return self._to_map.inverse(activation, self._select(self._output, images).to(activation.dtype))  # type: ignore[attr-defined]

    def _output_of(self, index: int, images: Tensor) -> Any:
        value = self._x if index == _INPUT else self._step_outputs[index]
        if index in self._unused and isinstance(value, Tensor) and value.ndim and len(value) == len(self._x):
            filler = value[:1]
            if value.is_floating_point():
                filler = value.new_full((1,) * value.ndim, self._placeholder)
            return filler.expand(len(images), *value.shape[1:])
        return self._select(value, images)

    def _select(self, value: Any, images: Tensor) -> Any:
        """Return the entries of a stored value that belong to `images`; what is not a batch stays as it is."""
        if isinstance(value, Tensor):
            if value.ndim == 0 or value.shape[0] != len(self._x):
                return value
            return value.expand(len(images), *value.shape[1:]) if len(value) == 1 else value[images]
        if isinstance(value, (tuple, list)):
            return like(value, (self._select(item, images) for item in value))
        if isinstance(value, dict):
            return {key: self._select(item, images) for key, item in value.items()}
        return value

    @contextmanager
    def _resumed(self, raw: Tensor, images: Tensor) -> Iterator[None]:
        """Make earlier modules return stored outputs and the layer `raw`; check that each output was read."""
        replays: list[tuple[str, Iterator[Any]]] = []
        with ExitStack() as stack:
            for name, steps in self._plan.items():
                module = self._prepared.network.get_submodule(name)
                outputs: list[Any] = []
                for index in steps:
                    if index is None:
                        outputs.append(_RUN_MODULE)
                    elif index != self._at:
                        value = self._output_of(index, images)
                        changes = index in self._overwritten or not isinstance(value, Tensor)
                        outputs.append(_clone(value) if changes else value)
                    else:
                        outputs.append(raw.clone() if index in self._overwritten else raw)
                replays.append((name, stack.enter_context(_replaying(module, outputs))))
            yield
            for name, unread_outputs in replays:
                if next(unread_outputs, None) is not None:
                    raise self._refusal(f"{name!r} is then not called as it was before")

    @contextmanager
    def _collecting(self, calls: Sequence[Call], outputs: dict[int, Tensor]) -> Iterator[None]:
        """Collect the outputs of some calls, each kept apart from later in-place changes."""
        places = {self.calls.index(call) for call in calls}
        turns: dict[str, list[int | None]] = {}
        for place, call in enumerate(self.calls):
            turns.setdefault(call.name, [None] * len(self._plan.get(call.name, ()))).append(place)

        def hook_of(name: str) -> Callable[[nn.Module, Any, Any], Tensor | None]:
            next_places = iter(turns[name])

            def hook(module: nn.Module, inputs: Any, output: Any) -> Tensor | None:
                place = next(next_places, None)
                if place is None or place not in places:
                    return None
                outputs[place] = output
                return output.clone()

            return hook

        with ExitStack() as hooks:
            for name in {self.calls[place].name for place in places}:
                module = self._prepared.network.get_submodule(name)
                hooks.callback(module.register_forward_hook(hook_of(name)).remove)
            yield


def _clone(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, (tuple, list)):
        return like(value, map(_clone, value))
    return {key: _clone(item) for key, item in value.items()} if isinstance(value, dict) else value


def needed_steps(anatomy: Anatomy, layer: str) -> list[int]:
    """Return the steps whose outputs a `ResumedNetwork` of that layer replays."""
    return anatomy.skipped_before(anatomy.last_call[layer])


def _replay_plan(anatomy: Anatomy, at: int) -> dict[str, list[int | None]]:
    """Return what each module's calls do, in order, when the network is resumed at step `at`.

    For a call it is the index of the step whose output is replayed (`at` itself: the new activation), or None
    where the module runs. Only modules called before step `at` ended are listed.
    """
    skipped, enclosing = set(anatomy.skipped_before(at)), set(anatomy.open_at(at))
    plan: dict[str, list[int | None]] = {}
    for index, step in enumerate(anatomy.steps):
        if index in skipped or index == at:
            plan.setdefault(step.name, []).append(index)
        elif index in enclosing:
            plan.setdefault(step.name, []).append(None)
    return {name: calls for name, calls in plan.items() if any(call is not None for call in calls)}


@contextmanager
def _replaying(module: nn.Module, outputs: list[Any]) -> Iterator[Iterator[Any]]:
    """Let a module's next calls return these outputs; after the last, and for `_RUN_MODULE`, the module runs.

    Yields an iterator over the outputs that have not been returned yet.
    """
    own = module.__dict__.get("forward")
    run = module.forward
    remaining = iter(outputs)

    def forward(*inputs: Any, **named: Any) -> Any:
        output = next(remaining, _RUN_MODULE)
        return run(*inputs, **named) if output is _RUN_MODULE else output

    module.__dict__["forward"] = forward
    # An empty hook: without any, nn.TransformerEncoderLayer takes a fast path that calls none of its modules.
    hook = module.register_forward_pre_hook(lambda module, inputs: None)
    try:
        yield remaining
    finally:
        hook.remove()
        if own is None:
            del module.__dict__["forward"]
        else:
            module.__dict__["forward"] = own
