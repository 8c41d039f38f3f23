"""A private copy of a classifier, prepared for many explanations.

The caller's model is never changed: no mode is switched, no hook registered and no parameter frozen on it, and
another thread may train or run it at the same time. The copy may be made faster: BatchNorm is folded into the
convolution before it, the weights are stored in the layout that is faster on this machine, and the body may
compute in bfloat16. Which of these help is measured once for each model and image size, and reported in `Setup`.
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
from analysis.explain.engine.folding import fold_batch_norms
from analysis.explain.engine.inputs import as_written
from analysis.explain.engine.model_copy import has_hooks, private_copy, without_hooks
from analysis.explain.engine.model_state import ModelState
from analysis.explain.engine.outputs import near, tensors_in
from analysis.explain.engine.packing import can_pack, pack_convolutions
from analysis.explain.errors import ExplainError

PRECISIONS = ("fp32", "bf16")
# Variants kept for one model: for instance two precisions, each with and without folded convolutions.
_MAX_VARIANTS = 4
# Models whose copies are kept. A model that is used nowhere else is freed with its copies at once. If a copied
# hook refers to the model, it is freed when this many other models have been prepared.
_MAX_MODELS = 8
_MEASURED_SECONDS = 0.25
_MARGIN = 0.95  # a variant counts as faster only below this share of the best time, since timings vary
# Allowed relative change of the logits: folding and layout only change the order of summation, bfloat16 has 8
# bits.
_TOLERANCE = {"fp32": 1e-3, "bf16": 0.2}


@dataclass(frozen=True)
class Setup:
    """How a model is run here, and how fast that is; measured on one image when the model was prepared.

    Attributes
    ----------
    precision : "fp32" or "bf16".
    channels_last : whether the channels-last memory layout is used.
    folded : how many pairs of convolution and BatchNorm were folded into one.
    packed : whether the weights are stored in the processor's own layout.
    device : for instance "cpu" or "cuda:0".
    reference_ms : milliseconds of one plain forward pass of the model as it was given.
    forward_ms : milliseconds of one forward pass of this copy.
    """

    precision: str
    channels_last: bool
    folded: int
    packed: bool
    device: str
    reference_ms: float
    forward_ms: float


@dataclass
class PreparedModel:
    """A copy of a model, ready to run on images of one size in one precision.

    Attributes
    ----------
    network : the copy, in evaluation mode, its parameters without gradients.
    anatomy : the record of one run of it.
    setup : how it is run.
    dtype : the type that the network computes in.
    output_dtype : the type of what the methods get, float32 or float64.
    folded_convolutions : convolutions with no output of their own, because a BatchNorm was folded into them.
    lock : held while the network runs.
    checked_layers : layers after which resuming the network was checked.
    unused_outputs : {layer: steps whose output nothing after it reads}.
    heads : {layer: its folded head}.
    """

    network: nn.Module
    anatomy: Anatomy
    setup: Setup
    dtype: torch.dtype
    output_dtype: torch.dtype
    folded_convolutions: frozenset[str]
    lock: threading.RLock
    checked_layers: set[str] = field(default_factory=set)
    unused_outputs: dict[str, set[int]] = field(default_factory=dict)
    heads: dict[str, Any] = field(default_factory=dict)

    def input(self, x: Tensor) -> Tensor:
        """Return x in the type and memory layout of the network."""
        layout = torch.channels_last if self.setup.channels_last else torch.contiguous_format
        return x.to(self.dtype).contiguous(memory_format=layout)

    def recorded(self, x: Tensor) -> PreparedModel:
        """Return a copy with the anatomy of a run on x, for networks whose calls depend on their input."""
        with self.running() as network:
            anatomy = record(network, self.input(x))
        return replace(self, anatomy=anatomy, checked_layers=set(), unused_outputs={}, heads={})

    @contextmanager
    def running(self) -> Iterator[nn.Module]:
        """Give the network to one thread at a time; without gradients until a hook switches them on."""
        with self.lock, as_written(), torch.no_grad():
            yield self.network


class _ModelCache:
    """The copies prepared for one model, valid as long as the model is not changed."""

    def __init__(self, model: nn.Module) -> None:
        self.lock = threading.RLock()
        self.state = ModelState(model)
        self.base = private_copy(model)
        self.hooked = has_hooks(model)
        self.anatomies: OrderedDict[tuple[int, ...], Anatomy] = OrderedDict()
        self.prepared: OrderedDict[tuple[Any, ...], PreparedModel] = OrderedDict()

    def sample(self, x: Tensor) -> Tensor:
        """Return as few of the images as the network runs on: one, or two where it needs statistics of a batch."""
        if len(x) > 1:
            try:
                with torch.no_grad():
                    self.base(x[:1])
            except ValueError:
                return x[:2]
        return x[:1]

    def settle_hooks(self, x: Tensor) -> None:
        """Remove the hooks from the base copy, unless they change its output on x."""
        if self.hooked:
            with torch.no_grad():
                expected, bare = self.base(x), without_hooks(private_copy(self.base))
                if _same(bare(x), expected, "fp32"):
                    self.base = bare
            self.hooked = False

    def anatomy(self, x: Tensor) -> Anatomy:
        """Return the record of one run on images like x."""
        shape = tuple(x.shape[1:])
        with self.lock, as_written():
            self.settle_hooks(x)
            if shape not in self.anatomies:
                self.anatomies[shape] = record(self.base, self.sample(x))
                _drop_oldest(self.anatomies)
            self.anatomies.move_to_end(shape)
            return self.anatomies[shape]


_caches: WeakKeyDictionary[nn.Module, _ModelCache] = WeakKeyDictionary()
_caches_lock = threading.Lock()


def anatomy_of(model: nn.Module, x: Tensor) -> Anatomy:
    """Return the record of a run of an unchanged copy of the model on images like x (B, 3, H, W)."""
    return _cache_of(model).anatomy(x)


def prepare(model: nn.Module, x: Tensor, precision: str = "fp32", wanted: Collection[str] = ()) -> PreparedModel:
    """Return the prepared copy of a model, made at the first call and again whenever the model has changed.

    Parameters
    ----------
    model : the classifier; it is not changed.
    x : (B, 3, H, W), images of the size to prepare for.
    precision : one of `PRECISIONS`.
    wanted : layers whose own output has to exist, so that no BatchNorm is folded into them.

    Raises
    ------
    ExplainError : an unknown precision, a model that does not run in bfloat16, or a model whose output depends on
        something other than its input, parameters and buffers.
    """
    if precision not in PRECISIONS:
        raise ExplainError(f"precision {precision!r} is not offered; use one of {', '.join(PRECISIONS)}")
    cache = _cache_of(model)
    with cache.lock, as_written(), torch.no_grad():
        cache.settle_hooks(x)
        for fold in (True, False):
            key = (precision, x.dtype, tuple(x.shape[1:]), fold)
            if key not in cache.prepared:
                cache.prepared[key] = _fastest_copy(cache, cache.sample(x), precision, fold)
                _drop_oldest(cache.prepared)
            cache.prepared.move_to_end(key)
            prepared = cache.prepared[key]
            if prepared.folded_convolutions.isdisjoint(wanted):
                break
    return prepared


def _cache_of(model: nn.Module) -> _ModelCache:
    with _caches_lock, as_written():
        cache = _caches.pop(model, None)
        if cache is None or not cache.state.is_of(model):
            cache = _ModelCache(model)
        _caches[model] = cache  # at the end: the most recently used
        for oldest in list(_caches)[:-_MAX_MODELS]:
            del _caches[oldest]
        return cache


def _drop_oldest(variants: OrderedDict) -> None:
    while len(variants) > _MAX_VARIANTS:
        variants.popitem(last=False)


def _fastest_copy(cache: _ModelCache, x: Tensor, precision: str, fold: bool) -> PreparedModel:
    """Return the fastest copy whose logits are those of the model."""
    anatomy = cache.anatomy(x)
    expected, reference = timed(cache.base, x)
    best: tuple[float, nn.Module, int, frozenset[str], bool, bool] | None = None
    dtype = torch.bfloat16 if precision == "bf16" else x.dtype
    failure = ""
    for folding in dict.fromkeys((fold, False)):
        for last in (False, True):
            network = private_copy(cache.base, own_weights=True)  # training the model must not change it
            names = fold_batch_norms(network, anatomy) if folding else frozenset()
            if precision == "bf16":
                _to_bfloat16(network, anatomy, x.dtype)
            layout = torch.channels_last if last else torch.contiguous_format
            sample = x.to(dtype).contiguous(memory_format=layout)
            network = network.to(memory_format=layout)
            try:
                packed = last and can_pack(sample) and pack_convolutions(network, sample)
                logits, seconds = timed(network, sample)
            except (RuntimeError, TypeError) as error:  # an operation without this type or layout
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
        name = type(cache.base).__name__
        raise ExplainError(
            f"{name} can't be explained in {precision} here: {failure}. Use precision='fp32'."
            if precision != "fp32"
            else f"a copy of {name} does not give the logits of the model itself ({failure}); its forward pass "
            "depends on something other than its input, parameters and buffers"
        )
    seconds, network, pairs, names, last, packed = best
    setup = Setup(precision, last, pairs, packed, str(x.device), reference * 1e3, seconds * 1e3)
    layout = torch.channels_last if last else torch.contiguous_format
    return PreparedModel(
        network=network,
        anatomy=record(network, x.to(dtype).contiguous(memory_format=layout)),
        setup=setup,
        dtype=dtype,
        output_dtype=torch.float64 if x.dtype == torch.float64 else torch.float32,
        folded_convolutions=names,
        lock=cache.lock,
    )


def timed(network: nn.Module, x: Tensor) -> tuple[Any, float]:
    """Return output and seconds of one forward pass: the fastest of a few, after one that warms up."""
    output = network(x)
    best, total = float("inf"), 0.0
    for _ in range(4):
        _synchronise(x)
        start = time.perf_counter()
        network(x)
        _synchronise(x)
        best = min(best, time.perf_counter() - start)
        total += time.perf_counter() - start
        if total > _MEASURED_SECONDS:
            break
    return output, best


def _synchronise(x: Tensor) -> None:
    if x.is_cuda:
        torch.cuda.synchronize(x.device)


def _same(output: Any, expected: Any, precision: str) -> bool:
    """Return whether every tensor of an output equals the expected one up to rounding."""
    tensors, expected_tensors = tensors_in(output), tensors_in(expected)
    return len(tensors) == len(expected_tensors) and all(
        near(tensor, other, _TOLERANCE[precision]) for tensor, other in zip(tensors, expected_tensors, strict=True)
    )


def _to_bfloat16(network: nn.Module, anatomy: Anatomy, dtype: torch.dtype) -> None:
    """Turn everything up to the last map into bfloat16; the head stays as it is, which keeps CAM exact."""
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
