"""What becomes of a hook when an error is raised inside its block."""

from __future__ import annotations

import pytest

from analysis.chapter.context import HookCounts, failures
from analysis.chapter.subject import Subject


def test_after_an_error_only_a_context_manager_removes_the_hook(subject: Subject):
    with_manager, without_manager, methods = failures(subject)
    with pytest.raises(RuntimeError) as raised:
        subject.copy()(subject.x[:, :1])
    expected = f"RuntimeError: {raised.value}"
    assert with_manager.result == HookCounts(0, 1, 0, expected)
    assert without_manager.result == HookCounts(0, 1, 1, expected)
    assert "def __enter__" in methods
    assert "def __exit__" in methods
