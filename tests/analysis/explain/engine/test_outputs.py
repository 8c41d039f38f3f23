"""Logits in the outputs of classifiers, and the comparison of outputs."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from typing import Any

import pytest
import torch
from torch import Tensor

from analysis.explain.engine.outputs import like, logits_of, near, tensors_in
from analysis.explain.errors import ExplainError

LOGITS = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
Named = namedtuple("Named", ["logits", "aux"])


@pytest.mark.parametrize(
    "output",
    [
        LOGITS,
        (LOGITS, torch.zeros(2, 3)),
        [LOGITS],
        Named(LOGITS, None),
        {"aux": torch.zeros(2, 3), "logits": LOGITS},
        OrderedDict(out=LOGITS, features=torch.zeros(2, 4, 5, 5)),
    ],
)
def test_logits_alone_first_or_by_name(output: Any) -> None:
    assert logits_of(output, 2) is LOGITS


@pytest.mark.parametrize(
    ("output", "description"),
    [
        (torch.zeros(2, 3, 4, 4), r"got torch.float32 of shape \(2, 3, 4, 4\)"),
        (torch.zeros(3, 3), r"shape \(3, 3\)"),
        (torch.zeros(2, 3, dtype=torch.int64), "int64"),
        ({"a": LOGITS, "b": LOGITS}, "got a dict with 'a', 'b'"),
        ({"logits": None}, "a dict with 'logits'"),
        ((), "got a tuple of"),
        ((torch.zeros(2), LOGITS), r"a tuple of torch.float32 of shape \(2,\), torch.float32 of shape \(2, 3\)"),
        (None, "got NoneType"),
    ],
)
def test_other_outputs_are_refused_and_described(output: Any, description: str) -> None:
    with pytest.raises(ExplainError, match=description):
        logits_of(output, 2)


def test_tensors_are_found_at_any_depth() -> None:
    a, b, c = torch.zeros(1), torch.zeros(2), torch.zeros(3)
    assert [len(t) for t in tensors_in({"x": [a, (b, None)], "y": {"z": c}, "n": 3})] == [1, 2, 3]
    assert tensors_in(None) == []
    assert tensors_in(a)[0] is a


def test_a_named_tuple_stays_one() -> None:
    assert like(Named(1, 2), iter([3, 4])) == Named(3, 4)
    assert like((1, 2), iter([3, 4])) == (3, 4)
    assert like([1], iter([3])) == [3]


def test_near_is_relative_to_the_largest() -> None:
    assert near(LOGITS * 1.001, LOGITS, 1e-3)
    assert not near(LOGITS * 1.01, LOGITS, 1e-3)
    assert near(LOGITS + 5e-3, LOGITS, 1e-3)
    assert not near(LOGITS[:1], LOGITS, 1e-3)
    assert near(torch.zeros(0), torch.zeros(0), 1e-3)


@pytest.mark.parametrize("odd", [float("inf"), -float("inf"), float("nan")])
def test_infinite_and_undefined_numbers_have_to_be_the_same(odd: float) -> None:
    def with_odd(values: Tensor) -> Tensor:
        values = values.clone()
        values[0, 0] = odd
        return values

    assert near(with_odd(LOGITS), with_odd(LOGITS), 1e-3)
    assert not near(LOGITS, with_odd(LOGITS), 1e-3)
    assert not near(with_odd(LOGITS), LOGITS, 1e-3)
    assert not near(with_odd(LOGITS + 1), with_odd(LOGITS), 1e-3)
    assert near(torch.full((2,), odd), torch.full((2,), odd), 1e-3)
