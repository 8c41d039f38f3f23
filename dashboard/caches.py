"""What is kept between page runs and needs no model: predictions tables, thumbnails, and a bounded store."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pandas as pd
import streamlit as st

from analysis.data.images import thumbnail_jpeg
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


@st.cache_resource(max_entries=8, show_spinner=False)  # one shared table; a copy a rerun would not scale
def _predictions(path: str, digest: str) -> pd.DataFrame:
    return open_run(Path(path)).predictions()


def predictions(run: Run) -> pd.DataFrame:
    """The run's predictions table, read once and shared by all sessions: don't write into it."""
    return _predictions(str(run.path), run.manifest.files["predictions.parquet"])


@st.cache_data(max_entries=4096, show_spinner=False)
def thumbnail(path: str, modified_ns: int, side: int = 224) -> bytes:
    """JPEG bytes of a picture, at most `side` pixels; `modified_ns` makes a changed file a new one."""
    return thumbnail_jpeg(Path(path), side)
