"""The Learners page: the list, read once, and the form."""

from __future__ import annotations

import shutil

import pytest
from streamlit.testing.v1 import AppTest

from analysis.predictions import Predictions
from tests.dashboard.conftest import ROOT, labelled
from tests.old_run import to_schema_1


def test_the_form_asks_for_a_folder(open_view):
    app = open_view("learners")
    app.radio(key="new_source").set_value("folder").run()
    labelled(app.button, "Fine-tune").click().run()
    assert "Name the folder" in app.error[0].value


@pytest.mark.parametrize("old", [False, True])
def test_nine_learners_are_listed_without_reading_their_predictions_again(
    tiny_run, tmp_path, monkeypatch, calls, fresh, old
):
    for number in range(9):
        path = shutil.copytree(tiny_run.path, tmp_path / "runs" / f"run-{number}")
        if old:
            to_schema_1(path)
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120).run()
    opened = calls(Predictions, "__init__")
    app.switch_page("dashboard/views/learners.py").run()
    assert not app.exception
    assert len(app.dataframe[0].value) == 9
    assert len(opened) == (9 if old else 0)
    app.run()
    assert len(opened) == (9 if old else 0)
