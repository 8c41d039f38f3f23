"""What every page shares: the first start, the chosen run, messages instead of tracebacks."""

from __future__ import annotations

import shutil

import pytest
from streamlit.testing.v1 import AppTest

from analysis.progress import ProgressEvent
from tests.dashboard.conftest import ROOT, labelled, words


@pytest.fixture
def copied_home(tiny_run, tmp_path, monkeypatch):
    """A home with a copy of the tiny run, for tests that damage it."""
    shutil.copytree(tiny_run.path, tmp_path / "runs" / tiny_run.name)
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    return tmp_path


def test_damaged_weights_are_refused_with_a_way_out(copied_home, tiny_run):
    path = copied_home / "runs" / tiny_run.name / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120).run()
    app.switch_page("dashboard/views/layers.py").run()
    assert not app.exception
    assert "sha256 does not match" in app.error[0].value
    assert labelled(app.button, "Fine-tune this recipe again")


class StandInJob:
    """A fine-tune of which the test decides what it says."""

    def __init__(self, running: bool, error: str | None = None) -> None:
        self.running, self.error, self.stopped = running, error, False
        self.event = ProgressEvent("train", "Epoch 1 of 2, batch 3 of 9, loss 0.51", 0.4, seconds_left=200.0)


@pytest.mark.parametrize("running", [True, False])
def test_first_start_shows_progress_or_what_went_wrong(tmp_path, monkeypatch, running):
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    from dashboard.backend.jobs.board import job_board
    from dashboard.backend.jobs.fit import FitJob

    job = StandInJob(running, None if running else "The disk is full.")
    monkeypatch.setitem(job_board()._jobs, FitJob, job)
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120).run()
    assert not app.exception
    if running:
        assert app.progress[0].value == 40
        assert "Epoch 1 of 2" in app.progress[0].text
        assert "About 3 min left" in words(app)
    else:
        assert "The disk is full." in app.error[0].value
        assert labelled(app.button, "Try again")


def test_a_link_to_the_other_kind_leads_to_its_page(home, tiny_words_run, tiny_run):
    def opened(view, run):
        app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120).run()
        app.query_params["run"] = run.name
        app.switch_page(f"dashboard/views/{view}.py").run()
        assert not app.exception, [problem.value for problem in app.exception]
        return app

    for view in ("errors", "overview", "layers", "keepdim", "photo", "chapter", "ablation"):
        assert opened(view, tiny_words_run).title[0].value == "Reviews"
    for view in ("reviews", "review", "words"):
        assert opened(view, tiny_run).title[0].value == "Errors"
    assert tiny_words_run.name in opened("learners", tiny_words_run).selectbox(key="chosen_run").value


def test_without_a_run_of_words_one_button_trains_one(tmp_path, monkeypatch):
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    from dashboard.backend.jobs.board import job_board
    from dashboard.backend.jobs.fit import FitJob

    started = []

    class Job:
        running, error, stopped, arguments = True, None, False, ()
        event = ProgressEvent("train", "Epoch 1 of 3", 0.3)

    def start(job):
        started.append(job.arguments)
        if "reviews" in job.arguments:
            monkeypatch.setitem(job_board()._jobs, FitJob, Job())
        return Job()

    monkeypatch.setattr(job_board(), "start", start)
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120).run()
    app.switch_page("dashboard/views/reviews.py").run()
    assert not app.exception
    assert "about 3 minutes" in words(app)
    labelled(app.button, "Train a learner for words").click().run()
    assert started[-1] == ("--source", "reviews")
    assert app.progress[0].value == 30
