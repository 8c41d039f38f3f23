"""A bounded store that makes each value once, for any number of threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

T = TypeVar("T")


class _Value(Future):
    """A value that is kept or still being made, with the thread that makes it."""

    def __init__(self) -> None:
        """Note the thread that makes it."""
        super().__init__()
        self.maker = threading.get_ident()


class MadeOnce:
    """A store for threads that keeps the `limit` values used last, and makes each of them once.

    A thread that asks for a value which another one is making waits for that value only. Room for a new value is
    made before it is computed; a value that is still being made is never dropped.
    """

    def __init__(self, limit: int) -> None:
        """Start empty, with room for `limit` values."""
        self._limit = limit
        self._lock = threading.Lock()  # held for looking up and dropping, never while a value is made
        self._values: OrderedDict[object, _Value] = OrderedDict()

    def get_or_make(self, key: object, make: Callable[[], T]) -> T:
        """Return the kept value of `key`, computed with `make` where there is none; None is a value, too.

        An error of `make` is raised in every thread that waited for this value, and the next one that asks
        tries again. `make` may ask the store for other keys.

        Raises
        ------
        RuntimeError
            When `make` asks for the key that it is making.
        """
        while True:
            with self._lock:
                value = self._values.get(key)
                is_new = value is None
                if value is None:
                    value = self._values[key] = _Value()
                    self._drop_oldest()
                else:
                    self._values.move_to_end(key)
            if is_new:
                return self._make(key, value, make)
            if not value.done() and value.maker == threading.get_ident():
                raise RuntimeError(f"the value of {key!r} needs itself")
            try:
                return value.result()
            except CancelledError:
                if not value.cancelled():
                    raise
                # Its maker was stopped (its page was left, say), which says nothing about the value: try again.

    def get(self, key: object, default: Any = None) -> Any:
        """Return the kept value of `key`; `default` where there is none or it is still being made."""
        with self._lock:
            value = self._values.get(key)
            if value is None or not value.done():
                return default
            self._values.move_to_end(key)
        return value.result()

    def keep(self, key: object, value: object) -> None:
        """Keep a value that was made elsewhere."""
        kept = _Value()
        kept.set_result(value)
        with self._lock:
            self._values[key] = kept
            self._values.move_to_end(key)
            self._drop_oldest()

    def _make(self, key: object, value: _Value, make: Callable[[], T]) -> T:
        try:
            result = make()
        except BaseException as error:
            with self._lock:
                if self._values.get(key) is value:
                    del self._values[key]
            if isinstance(error, Exception):
                value.set_exception(error)
            else:
                value.cancel()
            raise
        value.set_result(result)
        with self._lock:
            self._drop_oldest()
        return result

    def _drop_oldest(self) -> None:
        surplus = max(0, len(self._values) - self._limit)
        for key in [key for key, value in self._values.items() if value.done()][:surplus]:
            del self._values[key]
