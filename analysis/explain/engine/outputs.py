"""The output of a classifier or of a module: the logits in it, the tensors in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from analysis.explain.errors import ExplainError


def logits_of(output: Any, batch: int) -> Tensor:
    """Return the logits (B, K) in a model's output: itself, the entry "logits" of a dict, or the first of a tuple.

    A dict without "logits" may have exactly one entry of that shape. Raises ExplainError where there are none.
    """
    logits = output
    if isinstance(output, Mapping):
        candidates = [value for value in output.values() if _are_logits(value, batch)]
        logits = output["logits"] if "logits" in output else candidates[0] if len(candidates) == 1 else output
    elif isinstance(output, (tuple, list)) and output:
        logits = output[0]
    if not _are_logits(logits, batch):
        raise ExplainError(
            f"explain needs a classifier whose output is logits of shape ({batch}, classes), alone, as the first "
            "of "
            f'a tuple or under "logits" in a dict; got {_description(output)}'
        )
    return logits


def _are_logits(value: Any, batch: int) -> bool:
    return isinstance(value, Tensor) and value.ndim == 2 and value.shape[0] == batch and value.is_floating_point()


def _description(output: Any) -> str:
    if isinstance(output, Tensor):
        return f"{output.dtype} of shape {tuple(output.shape)}"
    if isinstance(output, Mapping):
        return f"a dict with {', '.join(repr(key) for key in list(output)[:6])}"
    if isinstance(output, (tuple, list)):
        return f"a {type(output).__name__} of {', '.join(_description(item) for item in output[:4])}"
    return type(output).__name__


def tensors_in(output: Any) -> list[Tensor]:
    """Return all tensors in an output, at any depth of tuples, lists and dicts."""
    if isinstance(output, Tensor):
        return [output]
    items = output.values() if isinstance(output, Mapping) else output if isinstance(output, (tuple, list)) else ()
    return [tensor for item in items for tensor in tensors_in(item)]


def like(value: tuple[Any, ...] | list[Any], items: Iterable[Any]) -> Any:
    """Return the items in a tuple, named tuple or list: the type that `value` has."""
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def near(actual: Tensor, expected: Tensor, tolerance: float) -> bool:
    """Return whether two tensors agree up to `tolerance`, relative to the largest number; inf and nan exactly."""
    if actual.shape != expected.shape:
        return False
    actual, expected = actual.double(), expected.double()
    finite = expected.isfinite()
    same = torch.where(expected.isnan(), actual.isnan(), actual == expected) | finite
    expected, off = expected[finite], (actual - expected)[finite].abs()
    if not expected.numel():
        return bool(same.all())
    scale = expected.abs().max() + expected.std(correction=0)
    return bool(same.all() and off.max() <= tolerance * scale + 1e-6)
