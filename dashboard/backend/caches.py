"""What is kept between page runs and needs no model: predictions tables and thumbnails."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from analysis.data.images import thumbnail_jpeg
from analysis.predictions import Predictions, open_predictions
from analysis.runs import Run, open_run


@st.cache_resource(max_entries=8, show_spinner=False)  # one shared table; a copy a rerun would not scale
def _predictions(path: str, digest: str) -> Predictions:
    return open_predictions(open_run(Path(path)))


def predictions(run: Run) -> Predictions:
    """Return the run's predictions, opened once and shared by all sessions."""
    return _predictions(str(run.path), run.manifest.files["predictions.parquet"])


@st.cache_data(max_entries=4096, show_spinner=False)
def thumbnail(path: str, modified_ns: int, side: int = 224) -> bytes:
    """Return the JPEG bytes of a picture, at most `side` pixels; `modified_ns` makes a changed file a new one."""
    return thumbnail_jpeg(Path(path), side)
