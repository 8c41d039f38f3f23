"""Where the batches of a sweep are computed: in the calling thread, or wherever another executor puts them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

B = TypeVar("B")
R = TypeVar("R")


class Executor(Protocol):
    """Computes batches, in any order and anywhere.

    `concurrent.futures.ThreadPoolExecutor` is one, and so is any distributed engine with a `map` of this kind.
    """

    def map(self, work: Callable[[B], R], batches: Iterable[B], /) -> Iterator[R]:
        """Return the result of each batch, in the order of the batches.

        Where the iterator has a `close` method, a sweep that is cancelled calls it: batches that are not started
        need not be computed any more. An error of the work is raised by the iterator.
        """
        ...


class LocalExecutor:
    """Computes one batch after the other in the calling thread, each when its result is asked for."""

    def map(self, work: Callable[[B], R], batches: Iterable[B], /) -> Iterator[R]:
        """Return the result of each batch, in the order of the batches."""
        for batch in batches:
            yield work(batch)


local = LocalExecutor()
