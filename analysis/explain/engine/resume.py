"""A network resumed behind one of its layers, on activations that were kept or changed.

Modules that were over when the layer put out its activation hand out what they put out for the picture, the
layer hands out the activation it is given, and everything after it runs. So a hundred changed activations of
the last stage cost as much as a hundred heads, not as a hundred pictures.
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
from analysis.explain.engine.prepared import Prepared
from analysis.explain.engine.tokens import ToMap
from analysis.explain.errors import ExplainError, LayerError

_RAN = object()
_NOTHING = (float("nan"), 1e4, -1e4)
_PICTURE = -1  # stands for the picture among the steps' outputs
# The logits of the resumed network beside those of the whole one, relative: rounding of another batch size.
_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 5e-2}


class Tail:
    """The rest of the network behind the last call of `layer`.

    `calls` are the childless modules called behind the layer, in forward order.
    """

    def __init__(
        self,
        prepared: Prepared,
        layer: str,
        x: Tensor,
        output: Tensor,
        kept: Mapping[int, Any],
        to_map: ToMap | None,
    ) -> None:
        self.calls: tuple[Call, ...] = prepared.anatomy.calls_after(layer)
        self._prepared, self._layer, self._x, self._output = prepared, layer, x, output
        self._kept, self._to_map = kept, to_map
        self._at = at = prepared.anatomy.last_call[layer]
        self._script = _script(prepared.anatomy, at)
        handed = {index for calls in self._script.values() for index in calls if index is not None}
        self._copied = {index for index in handed if prepared.anatomy.rewritten_after(index, at)}
        self._nothing = _NOTHING[0]
        self._unread = prepared.unread.get(layer, set())
        if to_map is not None and not hasattr(to_map, "inverse"):
            raise LayerError(
                f"layer {layer!r}: this method changes the activation and so needs the reshape's way back; give a "
                "TokenGrid, or channels_last, in place of a function"
            )

    def __call__(self, activation: Tensor, images: Tensor) -> Tensor:
        """Logits (N, K), float32 (float64 in a float64 network), of activations (N, C, h, w).

        `images` (N,) int64 says which image of the batch each row belongs to. Differentiable in `activation`
        where the caller has gradients switched on.
        """
        return self.watch(activation, images, ())[0]

    def watch(self, activation: Tensor, images: Tensor, calls: Sequence[Call]) -> tuple[Tensor, list[Tensor]]:
        """The same, and the outputs of some of `self.calls`, in their order, as part of the graph."""
        raw = activation if self._to_map is None else self._inverse(activation, images)
        raw = raw.to(self._output.dtype)
        outputs: dict[int, Tensor] = {}
        with self._prepared.lock, as_written(), ExitStack() as stack:
            if calls:
                stack.enter_context(self._watched(calls, outputs))
            stack.enter_context(self._resumed(raw, images))
            logits = logits_of(self._prepared.network(self._handed(_PICTURE, images)), len(images))
        missing = [call.name for call in calls if self.calls.index(call) not in outputs]
        if missing:
            raise ExplainError(f"{missing[0]!r} is not called when the network is resumed behind {self._layer!r}")
        return logits.to(self._prepared.sees), [outputs[self.calls.index(call)] for call in calls]

    def check(self, logits: Tensor) -> None:
        """Raise ExplainError unless the resumed network gives the logits (B, K), the images in another order."""
        images = torch.arange(len(self._x), device=self._x.device)
        images = torch.cat([images.flip(0), images[:1]])
        with torch.no_grad():
            activation = self._output if self._to_map is None else self._to_map(self._output)
            try:
                again = self(activation[images].to(self._prepared.sees), images)
            except RuntimeError as error:  # shapes that don't fit, where a kept output is no batch of images
                if isinstance(error, torch.OutOfMemoryError):
                    raise
                raise self._refusal(str(error).splitlines()[0]) from error
        if not self._same(again, logits[images]):
            raise self._refusal(f"its logits would be off by {float((again - logits[images]).abs().max()):.3g}")

    def find_unread(self, logits: Tensor) -> set[int]:
        """Find the kept outputs that nothing behind the layer reads, as those of all earlier stages mostly are.

        They are then handed out as stand-ins: for a batch of images every row would otherwise be gathered anew.
        """
        images = torch.arange(len(self._x), device=self._x.device)
        activation = self._output if self._to_map is None else self._to_map(self._output)
        handed = {index for calls in self._script.values() for index in calls if index is not None}
        for index in (_PICTURE, *sorted(handed - self._copied - {self._at})):
            self._unread.add(index)
            for self._nothing in _NOTHING:  # NaN is carried on by arithmetic, the others decide comparisons
                try:
                    with torch.no_grad():
                        same = self._same(self(activation.to(self._prepared.sees), images), logits)
                except (RuntimeError, ExplainError):
                    same = False
                if not same:
                    self._unread.discard(index)
                    break
        self._nothing = _NOTHING[0]
        return self._unread

    def _same(self, logits: Tensor, expected: Tensor) -> bool:
        return near(logits, expected, _TOLERANCE.get(self._prepared.dtype, 5e-2))

    def _refusal(self, reason: str) -> ExplainError:
        return ExplainError(
            f"the network can't be resumed behind {self._layer!r} ({reason}), so methods that change activations "
            "don't work there; use a gradient method such as gradcam"
        )

    def _inverse(self, activation: Tensor, images: Tensor) -> Tensor:
        assert self._to_map is not None
        return self._to_map.inverse(activation, self._pick(self._output, images).to(activation.dtype))  # type: ignore[attr-defined]

    def _handed(self, index: int, images: Tensor) -> Any:
        value = self._x if index == _PICTURE else self._kept[index]
        if index in self._unread and isinstance(value, Tensor) and value.ndim and len(value) == len(self._x):
            nothing = value.new_full((1,) * value.ndim, self._nothing) if value.is_floating_point() else value[:1]
            return nothing.expand(len(images), *value.shape[1:])
        return self._pick(value, images)

    def _pick(self, value: Any, images: Tensor) -> Any:
        """The rows of a kept value that belong to `images`; what is not a batch is handed out as it is."""
        if isinstance(value, Tensor):
            if value.ndim == 0 or value.shape[0] != len(self._x):
                return value
            return value.expand(len(images), *value.shape[1:]) if len(value) == 1 else value[images]
        if isinstance(value, (tuple, list)):
            return like(value, (self._pick(item, images) for item in value))
        if isinstance(value, dict):
            return {key: self._pick(item, images) for key, item in value.items()}
        return value

    @contextmanager
    def _resumed(self, raw: Tensor, images: Tensor) -> Iterator[None]:
        scripts: list[tuple[str, Iterator[Any]]] = []
        with ExitStack() as stack:
            for name, script in self._script.items():
                module = self._prepared.network.get_submodule(name)
                answers: list[Any] = []
                for index in script:
                    if index is None:
                        answers.append(_RAN)
                    elif index != self._at:
                        value = self._handed(index, images)
                        changed = index in self._copied or not isinstance(value, Tensor)
                        answers.append(_cloned(value) if changed else value)
                    else:
                        answers.append(raw.clone() if index in self._copied else raw)
                waiting = stack.enter_context(_answering(module, answers))
                scripts.append((name, waiting))
            yield
            for name, waiting in scripts:
                if next(waiting, None) is not None:
                    raise self._refusal(f"{name!r} is then not called as it was before")

    @contextmanager
    def _watched(self, wanted: Sequence[Call], outputs: dict[int, Tensor]) -> Iterator[None]:
        """Collect the outputs of the wanted calls, each safe from an in-place change behind it."""
        places = {self.calls.index(call) for call in wanted}
        turns: dict[str, list[int | None]] = {}
        for place, call in enumerate(self.calls):
            turns.setdefault(call.name, [None] * len(self._script.get(call.name, ()))).append(place)

        def hook_of(name: str) -> Callable[[nn.Module, Any, Any], Tensor | None]:
            waiting = iter(turns[name])

            def hook(module: nn.Module, inputs: Any, output: Any) -> Tensor | None:
                place = next(waiting, None)
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


def _cloned(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, (tuple, list)):
        return like(value, map(_cloned, value))
    return {key: _cloned(item) for key, item in value.items()} if isinstance(value, dict) else value


def needed(anatomy: Anatomy, layer: str) -> list[int]:
    """The steps whose outputs a Tail of that layer hands out."""
    return anatomy.skipped_before(anatomy.last_call[layer])


def _script(anatomy: Anatomy, at: int) -> dict[str, list[int | None]]:
    """For each module called before the layer's last call ended, what its calls do in order: the index of a
    step whose output it hands out (`at` itself for the new activation), or None for a call that really runs."""
    skipped, enclosing = set(anatomy.skipped_before(at)), set(anatomy.open_at(at))
    script: dict[str, list[int | None]] = {}
    for index, step in enumerate(anatomy.steps):
        if index in skipped or index == at:
            script.setdefault(step.name, []).append(index)
        elif index in enclosing:
            script.setdefault(step.name, []).append(None)
    return {name: calls for name, calls in script.items() if any(call is not None for call in calls)}


@contextmanager
def _answering(module: nn.Module, answers: list[Any]) -> Iterator[Iterator[Any]]:
    """Let a module's next calls answer from the list; behind its end, and for `_RAN`, the module runs.

    Yields what is left of the list. The hook, which does nothing, keeps nn.TransformerEncoderLayer from a fast
    path that asks none of its modules.
    """
    own = module.__dict__.get("forward")
    run = module.forward
    waiting = iter(answers)

    def forward(*inputs: Any, **named: Any) -> Any:
        answer = next(waiting, _RAN)
        return run(*inputs, **named) if answer is _RAN else answer

    module.__dict__["forward"] = forward
    hook = module.register_forward_pre_hook(lambda module, inputs: None)
    try:
        yield waiting
    finally:
        hook.remove()
        if own is None:
            del module.__dict__["forward"]
        else:
            module.__dict__["forward"] = own
