"""What a classifier or one of its modules puts out: the logits in it, the tensors in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from analysis.explain.errors import ExplainError


def logits_of(output: Any, batch: int) -> Tensor:
    """The logits (B, K) in a model's output: itself, the entry "logits" of a dict, or the first of a tuple.

    Raises ExplainError where there are none.
    """
    found = output
    if isinstance(output, Mapping):
        alone = [value for value in output.values() if _are_logits(value, batch)]
        found = output["logits"] if "logits" in output else alone[0] if len(alone) == 1 else output
    elif isinstance(output, (tuple, list)) and output:
        found = output[0]
    if not _are_logits(found, batch):
        raise ExplainError(
            f"explain needs a classifier that puts out logits of shape ({batch}, classes), alone, as the first of "
            f'a tuple or under "logits" in a dict; got {_described(output)}'
        )
    return found


def _are_logits(value: Any, batch: int) -> bool:
    return isinstance(value, Tensor) and value.ndim == 2 and value.shape[0] == batch and value.is_floating_point()


def _described(output: Any) -> str:
    if isinstance(output, Tensor):
        return f"{output.dtype} of shape {tuple(output.shape)}"
    if isinstance(output, Mapping):
        return f"a dict with {', '.join(repr(key) for key in list(output)[:6])}"
    if isinstance(output, (tuple, list)):
        return f"a {type(output).__name__} of {', '.join(_described(item) for item in output[:4])}"
    return type(output).__name__


def tensors_in(output: Any) -> list[Tensor]:
    """An output, or the tensors that a tuple or dict holds."""
    if isinstance(output, Tensor):
        return [output]
    items = output.values() if isinstance(output, Mapping) else output if isinstance(output, (tuple, list)) else ()
    return [tensor for item in items for tensor in tensors_in(item)]


def like(value: tuple[Any, ...] | list[Any], items: Iterable[Any]) -> Any:
    """The items as a tuple, named tuple or list as `value` is one."""
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def near(found: Tensor, wanted: Tensor, tolerance: float) -> bool:
    """Whether numbers are the same but for rounding, relative to the largest; infinite ones exactly."""
    if found.shape != wanted.shape:
        return False
    found, wanted = found.double(), wanted.double()
    finite = wanted.isfinite()
    same = torch.where(wanted.isnan(), found.isnan(), found == wanted) | finite
    wanted, off = wanted[finite], (found - wanted)[finite].abs()
    if not wanted.numel():
        return bool(same.all())
    scale = wanted.abs().max() + wanted.std(correction=0)
    return bool(same.all() and off.max() <= tolerance * scale + 1e-6)
