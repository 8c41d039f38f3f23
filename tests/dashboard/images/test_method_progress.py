"""Progress of slow methods: what a session waits for, what it stopped, and the bars with their buttons."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.backend.jobs.maps import MapJob
from dashboard.images import method_progress
from tests.dashboard.conftest import labelled, words

KEYS = {"scorecam": ("picture", "scorecam"), "ablationcam": ("picture", "ablationcam")}


@pytest.fixture
def session(monkeypatch):
    """The state of a browser session, without a page."""
    state: dict = {}
    monkeypatch.setattr(st, "session_state", state)
    return state


@pytest.mark.usefixtures("session")
def test_a_session_keeps_its_name_and_no_other_session_has_it(monkeypatch):
    first = method_progress.reader()
    assert method_progress.reader() == first
    monkeypatch.setattr(st, "session_state", {})
    assert method_progress.reader() != first


@pytest.mark.usefixtures("session")
def test_a_stopped_job_is_left_until_it_may_go_on():
    job = MapJob("scorecam")
    job.request(method_progress.reader())
    job.request("another session")
    assert method_progress.stopped(KEYS) == frozenset()
    method_progress._stop(job, KEYS["scorecam"])
    assert method_progress.stopped(KEYS) == {"scorecam"}
    assert list(job._requests) == ["another session"]
    assert method_progress.stopped({"scorecam": ("another picture", "scorecam")}) == frozenset()
    method_progress._go_on(KEYS["scorecam"])
    assert method_progress.stopped(KEYS) == frozenset()


@pytest.mark.usefixtures("session")
def test_only_the_jobs_that_are_not_shown_any_more_are_left(monkeypatch):
    left = []
    jobs = SimpleNamespace(leave=lambda reader, keys: left.append((reader, keys)))
    monkeypatch.setattr(method_progress, "service", lambda: SimpleNamespace(maps=SimpleNamespace(jobs=jobs)))
    method_progress.leave_others(KEYS)
    method_progress.leave_others({"scorecam": KEYS["scorecam"]})
    method_progress.leave_others({})
    me = method_progress.reader()
    assert left == [(me, frozenset()), (me, {KEYS["ablationcam"]}), (me, {KEYS["scorecam"]})]


def page(jobs: dict, keys: dict, runs: list) -> None:
    """Show the jobs that run and are not stopped, as the Layers page does; 1 of 3 layers has a map."""
    from types import SimpleNamespace

    from dashboard.backend.map_store import ReportState
    from dashboard.images.method_progress import progress, stopped

    rows = [
        SimpleNamespace(maps={name: SimpleNamespace(values=values) for name in keys}) for values in (1, None, None)
    ]
    gone = stopped(keys)
    # the first run does not know yet that a job has ended: it ends between the report and the bars
    shown = {name: job for name, job in jobs.items() if name not in gone and (job.running or not runs)}
    runs.append(list(shown))
    progress(ReportState(SimpleNamespace(rows=rows), shown, tuple(sorted(gone))), keys)


def test_stop_and_go_on_of_one_method():
    jobs = {name: MapJob(name) for name in KEYS}
    jobs["scorecam"]._progress = (1, 4, 50, 100)
    app = AppTest.from_function(page, args=(jobs, KEYS, [])).run()
    assert not app.exception
    bars = [bar.proto for bar in app.get("progress")]
    assert [(bar.value, bar.text) for bar in bars] == [
        (37, "**Score-CAM (at the layer)**: layer 2 of 4, pass 50 of 100"),  # 1.5 of 4 layers
        (0, "**Ablation-CAM**: waiting for its turn"),
    ]
    assert all(len(job._requests) == 1 for job in jobs.values())
    app.button(key="stop_scorecam").click().run()
    assert not app.exception
    assert "**Score-CAM (at the layer)** was stopped: 1 of 3 layers have a map." in words(app)
    assert len(app.get("progress")) == 1
    assert (len(jobs["scorecam"]._requests), len(jobs["ablationcam"]._requests)) == (0, 1)
    labelled(app.button, "Go on").click().run()
    assert len(app.get("progress")) == 2
    assert "was stopped" not in words(app)


def test_the_page_runs_again_when_a_job_has_ended():
    jobs, runs = {name: MapJob(name) for name in KEYS}, []
    jobs["scorecam"]._ended.set()
    AppTest.from_function(page, args=(jobs, KEYS, runs)).run()
    assert runs == [["scorecam", "ablationcam"], ["ablationcam"]]


def news(job: object, keys: dict, drawn: float, runs: list) -> None:
    from dashboard.images.method_progress import _bars

    runs.append(1)
    _bars({"scorecam": job}, keys, {"scorecam": 1 if len(runs) == 1 else 2}, drawn)  # type: ignore[dict-item]


@pytest.mark.parametrize(("age", "layers", "runs"), [(100, 2, 2), (100, 1, 1), (-100, 2, 1)])
def test_a_new_layer_is_drawn_only_some_time_after_the_figure_before(age, layers, runs):
    job, done = MapJob("scorecam"), []
    job.maps = SimpleNamespace(maps=dict.fromkeys(range(layers)))
    AppTest.from_function(news, args=(job, KEYS, time.monotonic() - age, done)).run()
    assert len(done) == runs
