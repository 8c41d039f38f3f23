"""A function's source is kept beside what it returned or raised."""

from __future__ import annotations

import inspect
import textwrap

import pytest
import torch

from analysis.chapter.execution import attempt, execute


def test_shown_code_is_the_function_that_ran():
    def twice(value: int) -> int:
        """Double."""
        return 2 * value

    execution = execute(twice, 4)
    assert execution.result == 8
    assert execution.source == textwrap.dedent(inspect.getsource(twice)).rstrip()
    namespace: dict = {}
    exec(execution.source, namespace)
    assert namespace["twice"](5) == 10


def test_a_failure_is_kept_in_its_own_words():
    failed = attempt(lambda: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError) as raised:
        torch.zeros(2) @ torch.zeros(3)
    assert failed.error == f"RuntimeError: {raised.value}"
    assert failed.value is None
    with pytest.raises(RuntimeError, match="RuntimeError: "):
        failed.result  # noqa: B018
    with pytest.raises(KeyError):
        attempt(lambda: {}["a mistake of ours"])
