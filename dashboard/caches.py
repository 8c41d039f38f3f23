"""What is kept between page runs and needs no model: predictions tables, thumbnails, and a bounded store."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from analysis.data.images import thumbnail_jpeg
from analysis.predictions import Predictions, open_predictions
from analysis.runs import Run, open_run

T = TypeVar("T")


class Bounded(OrderedDict):
    """A dictionary that drops what was used longest ago once it holds `limit` entries."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def get_or_make(self, key: object, make: Callable[[], T]) -> T:
        """The kept value of `key`, made first where there is none."""
        if key not in self:
            self[key] = make()
            while len(self) > self.limit:
                self.popitem(last=False)
        self.move_to_end(key)
        return self[key]


class MadeOnce:
    """A bounded store for threads: who asks for what another is making waits for that, and for nothing else."""

    def __init__(self, limit: int) -> None:
        self._kept = Bounded(limit)
        self._lock = threading.Lock()
        self._making: dict[object, threading.Lock] = {}

    def get_or_make(self, key: object, make: Callable[[], T]) -> T:
        """The kept value of `key`, made first where there is none; an error reaches everybody who waited."""
        with self._lock:
            if key in self._kept:
                return self._kept.get_or_make(key, make)
            turn = self._making.setdefault(key, threading.Lock())
        with turn:
            found = self.get(key)
            if found is None:
                try:
                    found = make()
                    self.keep(key, found)
                finally:
                    with self._lock:
                        self._making.pop(key, None)
            return found

    def get(self, key: object) -> Any:
        """The kept value of `key`, or None."""
        with self._lock:
            return self._kept.get(key)

    def keep(self, key: object, value: object) -> None:
        """Keep a value that was made elsewhere."""
        with self._lock:
            self._kept.get_or_make(key, lambda: value)


@st.cache_resource(max_entries=8, show_spinner=False)  # one shared table; a copy a rerun would not scale
def _predictions(path: str, digest: str) -> Predictions:
    return open_predictions(open_run(Path(path)))


def predictions(run: Run) -> Predictions:
    """Return the run's predictions, opened once and shared by all sessions."""
    return _predictions(str(run.path), run.manifest.files["predictions.parquet"])


@st.cache_data(max_entries=4096, show_spinner=False)
def thumbnail(path: str, modified_ns: int, side: int = 224) -> bytes:
    """JPEG bytes of a picture, at most `side` pixels; `modified_ns` makes a changed file a new one."""
    return thumbnail_jpeg(Path(path), side)
