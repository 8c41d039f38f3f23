"""The gallery of the validation pictures that the learner got wrong."""

from __future__ import annotations

from typing import Any

import streamlit as st

from analysis.data.images import ImageError
from analysis.predictions import Browse
from analysis.runs import Run, RunError
from dashboard.backend.caches import thumbnail
from dashboard.components.photo_grid import Photo, photo_grid
from dashboard.frame import chosen_run, clear_messages
from dashboard.gallery import detail, gallery, verdict


def card(run: Run, row: dict[str, Any]) -> Photo:
    """Return the card of one picture; without a thumbnail, it says why there is none."""
    jpeg, problem = None, ""
    try:
        path = run.image_path(row["path"])
        jpeg = thumbnail(str(path), path.stat().st_mtime_ns)
    except (ImageError, RunError, OSError) as error:
        problem = f"This picture can't be opened: {error}"
    return Photo(row["path"], row["path"], verdict(row), detail(row), jpeg, problem)


def draw(rows: list[dict[str, Any]], view: Browse) -> str | None:
    """Draw the cards; return the id of the one that was clicked."""
    return photo_grid([card(run, row) for row in rows], key="photos")


run = chosen_run()
with clear_messages(run):
    st.title("Errors")
    gallery(run, draw)
