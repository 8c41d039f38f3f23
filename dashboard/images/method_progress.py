"""Slow methods on the Layers page: their progress, a button that stops each, and one that resumes it."""

from __future__ import annotations

import time
import uuid

import streamlit as st

from dashboard import state
from dashboard.backend.images import service
from dashboard.backend.jobs.maps import MapJob
from dashboard.backend.map_store import ReportState
from dashboard.images.layer_controls import TITLES

EVERY = 0.7  # seconds between two looks at the progress
REDRAW = 4.0  # seconds between two new figures while maps arrive: each new figure loses the zoom


def reader() -> str:
    """Return the name of this browser session, by which jobs know who waits for them."""
    return st.session_state.setdefault(state.READER, uuid.uuid4().hex)


def stopped(keys: dict[str, object]) -> frozenset[str]:
    """Return the methods that this session has stopped, of those given with the keys of their jobs."""
    marked = st.session_state.get(state.STOPPED, set())
    return frozenset(method for method, key in keys.items() if key in marked)


def leave_others(keys: dict[str, object]) -> None:
    """Stop waiting for jobs that this session asked for before and does not show any more."""
    before = st.session_state.get(state.WAITING, frozenset())
    now = frozenset(keys.values())
    service().maps.jobs.leave(reader(), before - now)
    st.session_state[state.WAITING] = now


def progress(shown: ReportState, keys: dict[str, object]) -> None:
    """Show progress bars with their Stop buttons, and the methods that were stopped."""
    if shown.jobs:
        _bars(shown.jobs, keys, {name: _layers(job) for name, job in shown.jobs.items()}, time.monotonic())
    for method in shown.stopped:
        done = sum(row.maps[method].values is not None for row in shown.report.rows)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":material/stop_circle: **{TITLES[method]}** was stopped: {done} of {len(shown.report.rows)} "
                "layers have a map."
            )
            st.button(
                "Go on",
                key=f"go_on_{method}",
                icon=":material/play_arrow:",
                on_click=_go_on,
                args=(keys[method],),
            )


@st.fragment(run_every=EVERY)
def _bars(jobs: dict[str, MapJob], keys: dict[str, object], layers: dict[str, int], drawn: float) -> None:
    if stopped(keys) & jobs.keys():  # the button was clicked just now
        st.rerun(scope="app")
    for job in jobs.values():
        job.request(reader())
    ended = any(not job.running for job in jobs.values())
    news = any(_layers(job) > layers[name] for name, job in jobs.items())
    if ended or (news and time.monotonic() - drawn > REDRAW):
        st.rerun(scope="app")
    for method, job in jobs.items():
        with st.container(horizontal=True, vertical_alignment="center"):
            message = job.message or "waiting for its turn"
            st.progress(job.fraction, text=f"**{TITLES[method]}**: {message}")
            st.button(
                "Stop", key=f"stop_{method}", icon=":material/stop:", on_click=_stop, args=(job, keys[method])
            )


def _layers(job: MapJob) -> int:
    return 0 if job.maps is None else len(job.maps.maps)


def _stop(job: MapJob, key: object) -> None:
    st.session_state.setdefault(state.STOPPED, set()).add(key)
    job.leave(reader())


def _go_on(key: object) -> None:
    st.session_state.get(state.STOPPED, set()).discard(key)
