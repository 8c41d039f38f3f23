"""Run a function and keep its source beside its result, so that a page shows the code that really ran."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Execution(Generic[T]):
    """One call of a function.

    Attributes
    ----------
    source : the source code of the function.
    value : what it returned; None where it raised.
    error : the exception as Python prints it ("RuntimeError: ..."); None where it returned.
    """

    source: str
    value: T | None
    error: str | None = None

    @property
    def result(self) -> T:
        """Return the value; raise RuntimeError where the function raised."""
        if self.error is not None:
            raise RuntimeError(self.error)
        return self.value  # type: ignore[return-value]


@lru_cache(maxsize=128)
def source_of(thing: Any) -> str:
    """Return the source code of a function or class, without the indentation it has in its file."""
    return textwrap.dedent(inspect.getsource(thing)).rstrip()


def execute(function: Callable[..., T], *arguments: Any) -> Execution[T]:
    """Run a function; an exception reaches the caller."""
    return Execution(source_of(function), function(*arguments))


def attempt(function: Callable[..., T], *arguments: Any) -> Execution[T]:
    """Run a function and keep the message of an exception of the kinds that PyTorch raises."""
    try:
        return execute(function, *arguments)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        return Execution(source_of(function), None, f"{type(error).__name__}: {error}")
