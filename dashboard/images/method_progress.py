"""Slow methods on the Layers page: their progress, a button that stops each, and one that resumes it."""

from __future__ import annotations

import time
import uuid

import streamlit as st

from dashboard import state
from dashboard.backend.images import service
from dashboard.backend.jobs.maps import Work
from dashboard.backend.map_store import Shown
from dashboard.images.layer_controls import TITLES

EVERY = 0.7  # seconds between two looks at the progress
REDRAW = 4.0  # seconds between two new figures while maps arrive: each new figure loses the zoom


def reader() -> str:
    """Return the name of this browser session, by which work knows who waits for it."""
    return st.session_state.setdefault(state.READER, uuid.uuid4().hex)


def stopped(keys: dict[str, object]) -> frozenset[str]:
    """Return the methods that this session has stopped, of those given with the keys of their work."""
    marked = st.session_state.get(state.STOPPED, set())
    return frozenset(method for method, key in keys.items() if key in marked)


def leave_others(keys: dict[str, object]) -> None:
    """Stop waiting for work that this session asked for before and does not show any more."""
    before = st.session_state.get(state.WAITING, frozenset())
    now = frozenset(keys.values())
    service().maps.works.leave(reader(), before - now)
    st.session_state[state.WAITING] = now


def progress(shown: Shown, keys: dict[str, object]) -> None:
    """Show progress bars with their Stop buttons, and the methods that were stopped."""
    if shown.works:
        _bars(shown.works, keys, {name: _layers(work) for name, work in shown.works.items()}, time.monotonic())
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
def _bars(works: dict[str, Work], keys: dict[str, object], layers: dict[str, int], drawn: float) -> None:
    if stopped(keys) & works.keys():  # the button was clicked just now
        st.rerun(scope="app")
    for work in works.values():
        work.ask(reader())
    ended = any(not work.running for work in works.values())
    news = any(_layers(work) > layers[name] for name, work in works.items())
    if ended or (news and time.monotonic() - drawn > REDRAW):
        st.rerun(scope="app")
    for method, work in works.items():
        with st.container(horizontal=True, vertical_alignment="center"):
            words = work.words or "waiting for its turn"
            st.progress(work.fraction, text=f"**{TITLES[method]}**: {words}")
            st.button(
                "Stop", key=f"stop_{method}", icon=":material/stop:", on_click=_stop, args=(work, keys[method])
            )


def _layers(work: Work) -> int:
    return 0 if work.made is None else len(work.made.maps)


def _stop(work: Work, key: object) -> None:
    st.session_state.setdefault(state.STOPPED, set()).add(key)
    work.leave(reader())


def _go_on(key: object) -> None:
    st.session_state.get(state.STOPPED, set()).discard(key)
