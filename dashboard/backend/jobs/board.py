"""The server's background jobs: at most one of each kind at a time."""

from __future__ import annotations

import threading
from typing import TypeVar, cast

import streamlit as st

from analysis.home import home
from dashboard.backend.jobs.job import Job

J = TypeVar("J", bound=Job)


class JobBoard:
    """The jobs that this server has started last, one of each kind. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[type[Job], Job] = {}

    def start(self, job: J) -> J:
        """Start a job and return it; return the one of its kind that is still running, where there is one."""
        with self._lock:
            kind = type(job)
            current = self._jobs.get(kind)
            if current is None or not current.running:
                current = self._jobs[kind] = job.start()
            return cast(J, current)

    def current(self, kind: type[J]) -> J | None:
        """Return the job of a kind that is running, or else the last one that has ended."""
        return cast("J | None", self._jobs.get(kind))

    def clear(self, kind: type[Job]) -> None:
        """Forget the job of a kind once it has ended, so that its message is not shown again."""
        with self._lock:
            job = self._jobs.get(kind)
            if job is not None and not job.running:
                del self._jobs[kind]


@st.cache_resource(show_spinner=False)
def _board_for(home_folder: str) -> JobBoard:
    return JobBoard()


def job_board() -> JobBoard:
    """Return the process's board (one for each `CAMLENS_HOME`: tests do not share it)."""
    return _board_for(str(home()))
