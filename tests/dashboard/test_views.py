"""Each page on a tiny learner: what it says agrees with the predictions table, and bad input gets words."""

from __future__ import annotations

import io
import shutil

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from analysis.progress import ProgressEvent
from tests.dashboard.conftest import ROOT, heat_maps, labelled, metrics, words


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (70, 90, 3), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def mistakes(tiny_run):
    table = tiny_run.predictions()
    return table[table.label != table.predicted].sort_values(["loss", "path"], ascending=[False, True])


def test_overview_tells_the_tables_numbers(open_view, tiny_run):
    table = tiny_run.predictions()
    app = open_view("overview")
    metrics = {metric.label: metric.value for metric in app.metric}
    right = (table.label == table.predicted).mean()
    assert metrics["Accuracy"] == f"{right:.1%}"
    assert metrics["Error rate"] == f"{1 - right:.1%}"
    assert metrics["Mistakes"] == f"{(table.label != table.predicted).sum()} of {len(table)}"


def test_gallery_filters(open_view, tiny_run):
    wrong = mistakes(tiny_run)
    app = open_view("errors")
    assert f"{len(wrong)} of {len(wrong)} mistakes" in words(app)
    true = wrong.label.iloc[0]
    app.multiselect(key="true").select(true).run()
    assert f"{(wrong.label == true).sum()} of {len(wrong)} mistakes" in words(app)
    app.text_input(key="name").set_value("nothing is called so").run()
    assert "No picture fits these filters" in words(app)
    app.toggle(key="correct").set_value(True).run()
    labelled(app.button, "Remove the filters").click().run()
    assert not app.exception
    assert f"{len(wrong)} of {len(wrong)} mistakes" in words(app)


def test_layers_of_the_first_mistake(open_view, tiny_run):
    wrong = mistakes(tiny_run)
    app = open_view("layers")
    assert wrong.path.iloc[0] in words(app)
    assert "is exact: its mean plus the bias" in words(app)
    assert app.query_params["image"] in (wrong.path.iloc[0], [wrong.path.iloc[0]])
    app.selectbox(key="explain").select("Why predicted rather than true").run()
    assert not app.exception
    signed = heat_maps(app)
    app.toggle(key="relu").set_value(True).run()
    assert any((values < 0).any() for values in signed)
    for values, kept in zip(signed, heat_maps(app), strict=True):
        np.testing.assert_array_equal(kept, np.maximum(values, 0))


def test_next_and_previous_walk_the_filtered_list(open_view, tiny_run):
    wrong = mistakes(tiny_run)
    app = open_view("layers", {"image": wrong.path.iloc[0]})
    app.button(key="next_image").click().run()
    assert wrong.path.iloc[1] in words(app)
    assert "2 of" in words(app)
    app.button(key="previous_image").click().run()
    assert wrong.path.iloc[0] in words(app)


def test_an_unknown_picture_is_named(open_view):
    assert "which is not in this learner's validation set" in words(open_view("layers", {"image": "nope.jpg"}))


def test_keepdim_says_what_happens(open_view):
    app = open_view("keepdim", {"network": "The chapter's resnet34, untrained"})
    assert "nothing is raised, and the map is" in words(app)
    app.select_slider(key="size").set_value(224).run()
    assert not app.exception
    assert "PyTorch raises an error" in words(app)


def test_a_photo_is_predicted_and_explained(open_view, tiny_run):
    app = open_view("photo")
    app.file_uploader[0].upload("mine.png", png()).run()
    assert not app.exception
    predicted = metrics(app)["Predicted"].value
    assert predicted in tiny_run.manifest.class_names
    labelled(app.button, "See why, layer by layer").click().run()
    assert not app.exception
    assert app.title[0].value == "Layers"
    assert f"**mine.png** · predicted **{predicted}**" in words(app)


def test_a_bad_photo_is_refused_in_words(open_view):
    app = open_view("photo")
    app.file_uploader[0].upload("mine.png", b"no picture").run()
    assert not app.exception
    assert "mine.png" in app.error[0].value
    assert not app.metric


def test_the_form_asks_for_a_folder(open_view):
    app = open_view("learners")
    app.radio(key="new_source").set_value("folder").run()
    labelled(app.button, "Fine-tune").click().run()
    assert "Name the folder" in app.error[0].value


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
