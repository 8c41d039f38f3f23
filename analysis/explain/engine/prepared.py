"""A private copy of a classifier, made ready to be explained many times.

The caller's model is never touched: no mode is switched, no hook registered, no parameter frozen on it, and
another thread may train or run it meanwhile. What the copy may do that the model may not: fold BatchNorm
into the convolutions before it, keep its weights in the layout that is faster here, compute in bfloat16.
Which of these pay is measured once for each model and picture size, and said in `Setup`.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from analysis.explain.engine.anatomy import Anatomy, record
from analysis.explain.engine.copies import State, has_hooks, private_copy, without_hooks
from analysis.explain.engine.folding import fold_batch_norms
from analysis.explain.engine.inputs import as_written
from analysis.explain.engine.outputs import near, tensors_in
from analysis.explain.engine.packed import can_pack, pack_convolutions
from analysis.explain.errors import ExplainError

PRECISIONS = ("fp32", "bf16")
# Variants of a model that are kept: two precisions, and one that a folded convolution was asked of.
_KEPT = 4
# Models whose copies are kept. A model that nobody holds any more is let go with its copies at once, unless a
# hook that had to be copied holds it; then it goes when so many others have come.
_MOST_MODELS = 8
_MEASURED_SECONDS = 0.25
_MARGIN = 0.95  # a layout has to save this much before it is taken for faster rather than lucky
# How far logits may move: folding and layout are only another order of summation, bfloat16 has 8 bits.
_TOLERANCE = {"fp32": 1e-3, "bf16": 0.2}


@dataclass(frozen=True)
class Setup:
    """How a model is run here, and what that brings; measured on one picture when the model was prepared.

    `folded` counts Conv+BatchNorm pairs, `packed` says that the weights lie in the processor's own layout.
    `reference_ms` is one plain float32 forward of the model as it was given, `forward_ms` one of this copy.
    """

    precision: str
    channels_last: bool
    folded: int
    packed: bool
    device: str
    reference_ms: float
    forward_ms: float


@dataclass
class Prepared:
    """One runnable copy: `network` for pictures of one size, in one precision.

    `dtype` is what the network computes in, `sees` what the methods are given. `unfolded` names the
    convolutions whose own output no longer exists because a BatchNorm was folded into them.
    """

    network: nn.Module
    anatomy: Anatomy
    setup: Setup
    dtype: torch.dtype
    sees: torch.dtype
    folded_convolutions: frozenset[str]
    lock: threading.RLock
    proven: set[str] = field(default_factory=set)
    unread: dict[str, set[int]] = field(default_factory=dict)
    heads: dict[str, Any] = field(default_factory=dict)

    def input(self, x: Tensor) -> Tensor:
        """x as the network wants it."""
        layout = torch.channels_last if self.setup.channels_last else torch.contiguous_format
        return x.to(self.dtype).contiguous(memory_format=layout)

    def recorded(self, x: Tensor) -> Prepared:
        """The same with the anatomy of a run on x, for networks that do not run the same way each time."""
        with self.running() as network:
            anatomy = record(network, self.input(x))
        return replace(self, anatomy=anatomy, proven=set(), unread={}, heads={})

    @contextmanager
    def running(self) -> Iterator[nn.Module]:
        """The network, for one thread at a time, without gradients until a hook switches them on."""
        with self.lock, as_written(), torch.no_grad():
            yield self.network


class _Shelf:
    """Everything prepared for one model, for as long as the model stays as it is."""

    def __init__(self, model: nn.Module) -> None:
        self.lock = threading.RLock()
        self.state = State(model)
        self.base = private_copy(model)
        self.hooked = has_hooks(model)
        self.anatomies: OrderedDict[tuple[int, ...], Anatomy] = OrderedDict()
        self.prepared: OrderedDict[tuple[Any, ...], Prepared] = OrderedDict()

    def sample(self, x: Tensor) -> Tensor:
        """As few of the pictures as the network runs on: one, or two where it takes statistics over a batch."""
        if len(x) > 1:
            try:
                with torch.no_grad():
                    self.base(x[:1])
            except ValueError:
                return x[:2]
        return x[:1]

    def settle_hooks(self, x: Tensor) -> None:
        """Leave out the hooks on the model, unless they change what it puts out; run them once to find out."""
        if self.hooked:
            with torch.no_grad():
                expected, bare = self.base(x), without_hooks(private_copy(self.base))
                if _same(bare(x), expected, "fp32"):
                    self.base = bare
            self.hooked = False

    def anatomy(self, x: Tensor) -> Anatomy:
        shape = tuple(x.shape[1:])
        with self.lock, as_written():
            self.settle_hooks(x)
            if shape not in self.anatomies:
                self.anatomies[shape] = record(self.base, self.sample(x))
                _forget_oldest(self.anatomies)
            self.anatomies.move_to_end(shape)
            return self.anatomies[shape]


_shelves: WeakKeyDictionary[nn.Module, _Shelf] = WeakKeyDictionary()
_shelves_lock = threading.Lock()


def anatomy_of(model: nn.Module, x: Tensor) -> Anatomy:
    """What a model as it was given calls for an input like x (B, 3, H, W), of any kind of output."""
    return _shelf(model).anatomy(x)


def prepare(model: nn.Module, x: Tensor, precision: str = "fp32", wanted: Collection[str] = ()) -> Prepared:
    """The copy of a model for pictures like x (B, 3, H, W), made at the first call and whenever the model changed.

    `wanted` are layers whose own output has to exist. Raises ExplainError for an unknown precision, and where
    the model cannot be run in bfloat16.
    """
    if precision not in PRECISIONS:
        raise ExplainError(f"precision {precision!r} is not offered; use one of {', '.join(PRECISIONS)}")
    shelf = _shelf(model)
    with shelf.lock, as_written(), torch.no_grad():
        shelf.settle_hooks(x)
        for fold in (True, False):
            key = (precision, x.dtype, tuple(x.shape[1:]), fold)
            if key not in shelf.prepared:
                shelf.prepared[key] = _make(shelf, shelf.sample(x), precision, fold)
                _forget_oldest(shelf.prepared)
            shelf.prepared.move_to_end(key)
            prepared = shelf.prepared[key]
            if prepared.folded_convolutions.isdisjoint(wanted):
                break
    return prepared


def _shelf(model: nn.Module) -> _Shelf:
    with _shelves_lock, as_written():
        shelf = _shelves.pop(model, None)
        if shelf is None or not shelf.state.is_of(model):
            shelf = _Shelf(model)
        _shelves[model] = shelf  # at the end: the others were asked for longer ago
        for oldest in list(_shelves)[:-_MOST_MODELS]:
            del _shelves[oldest]
        return shelf


def _forget_oldest(kept: OrderedDict) -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)


def _make(shelf: _Shelf, x: Tensor, precision: str, fold: bool) -> Prepared:
    """The fastest copy whose logits are the model's."""
    anatomy = shelf.anatomy(x)
    expected, reference = timed(shelf.base, x)
    best: tuple[float, nn.Module, int, frozenset[str], bool, bool] | None = None
    dtype = torch.bfloat16 if precision == "bf16" else x.dtype
    failure = ""
    for folding in dict.fromkeys((fold, False)):
        for last in (False, True):
            network = private_copy(shelf.base, own_weights=True)  # what is kept must not be trained on
            names = fold_batch_norms(network, anatomy) if folding else frozenset()
            if precision == "bf16":
                _to_bfloat16(network, anatomy, x.dtype)
            layout = torch.channels_last if last else torch.contiguous_format
            picture = x.to(dtype).contiguous(memory_format=layout)
            network = network.to(memory_format=layout)
            try:
                packed = last and can_pack(picture) and pack_convolutions(network, picture)
                logits, seconds = timed(network, picture)
            except (RuntimeError, TypeError) as error:  # an operation that this type or layout does not have
                if isinstance(error, torch.OutOfMemoryError):
                    raise
                failure = str(error).splitlines()[0]
                continue
            if not _same(logits, expected, precision):
                failure = "its logits are not those of float32"
                continue
            if best is None or seconds < _MARGIN * best[0]:
                best = (seconds, network, len(names), names, last, packed)
        if best is not None:
            break
    if best is None:
        name = type(shelf.base).__name__
        raise ExplainError(
            f"{name} can't be explained in {precision} here: {failure}. Use precision='fp32'."
            if precision != "fp32"
            else f"a copy of {name} does not give the logits of the model itself ({failure}); its forward pass "
            "depends on something other than its input, parameters and buffers"
        )
    seconds, network, pairs, names, last, packed = best
    setup = Setup(precision, last, pairs, packed, str(x.device), reference * 1e3, seconds * 1e3)
    layout = torch.channels_last if last else torch.contiguous_format
    return Prepared(
        network=network,
        anatomy=record(network, x.to(dtype).contiguous(memory_format=layout)),
        setup=setup,
        dtype=dtype,
        sees=torch.float64 if x.dtype == torch.float64 else torch.float32,
        folded_convolutions=names,
        lock=shelf.lock,
    )


def timed(network: nn.Module, x: Tensor) -> tuple[Any, float]:
    """Output and seconds of one forward pass: the fastest of a few, after one that only warms up."""
    output = network(x)
    best, spent = float("inf"), 0.0
    for _ in range(4):
        _synchronise(x)
        start = time.perf_counter()
        network(x)
        _synchronise(x)
        best = min(best, time.perf_counter() - start)
        spent += time.perf_counter() - start
        if spent > _MEASURED_SECONDS:
            break
    return output, best


def _synchronise(x: Tensor) -> None:
    if x.is_cuda:
        torch.cuda.synchronize(x.device)


def _same(output: Any, expected: Any, precision: str) -> bool:
    """Whether an output is the model's own up to rounding, in each of its tensors."""
    found, wanted = tensors_in(output), tensors_in(expected)
    return len(found) == len(wanted) and all(
        near(mine, other, _TOLERANCE[precision]) for mine, other in zip(found, wanted, strict=True)
    )


def _to_bfloat16(network: nn.Module, anatomy: Anatomy, dtype: torch.dtype) -> None:
    """All up to the last map in bfloat16; the head stays as it is, which costs nothing and keeps CAM exact."""
    layers = [info.name for info in anatomy.layers() if anatomy.times[info.name] == 1]
    if not layers:
        raise ExplainError("bf16 needs a layer with a map; use precision='fp32'")
    last = layers[-1]
    head = {call.name for call in anatomy.calls_after(last)}
    for name, module in network.named_modules():
        if name in head:
            continue
        for tensors in (module._parameters, module._buffers):
            for key, tensor in tensors.items():
                if tensor is not None and tensor.is_floating_point():
                    half = tensor.detach().bfloat16()
                    tensors[key] = nn.Parameter(half, requires_grad=False) if key in module._parameters else half
    network.get_submodule(last).register_forward_hook(lambda module, inputs, output: output.to(dtype))
