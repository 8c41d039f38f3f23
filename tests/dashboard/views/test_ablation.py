"""The Ablation page: each change alone, some together, and the validation set in the background."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from analysis.explain.studies.ablation import CHANGES
from tests.dashboard.conftest import words


@pytest.fixture
def downloads(monkeypatch):
    """The data of every download button of the page, by its label."""
    import streamlit

    offered = {}
    monkeypatch.setattr(streamlit, "download_button", lambda label, data, **_: offered.update({label: data}))
    return offered


def test_each_change_alone(open_view, downloads):
    app = open_view("ablation")
    counts = {metric.label: int(metric.value) for metric in app.metric}
    assert sum(counts.values()) == len(CHANGES)
    table = pd.read_csv(io.StringIO(downloads["This table as CSV"]()))
    assert table["instead"].tolist() == [change.name for change in CHANGES]
    assert (table["outcome"] == "raises").sum() == counts["Raise an error"] >= 2
    row = table.set_index("instead").loc
    assert row["training mode, alone", "PyTorch says"].startswith("ValueError: Expected more than 1 value")
    assert row["sum of the gradients", "outcome"] == "harmless"
    assert "raises" in words(app)


def test_two_changes_of_one_step_get_a_warning(open_view):
    app = open_view("ablation")
    app.multiselect(key="together").set_value(["bicubic", "nearest neighbour"]).run()
    assert not app.exception
    assert "can be changed in one way at a time" in words(app)


def test_all_pairs_are_drawn_where_they_are_asked_for(open_view):
    app = open_view("ablation")
    before = len(app.get("vega_lite_chart"))
    assert "A cell is empty" not in words(app)
    app.toggle(key="all_pairs").set_value(True).run()
    assert not app.exception
    assert "A cell is empty where both changes are of the same step." in words(app)
    assert len(app.get("vega_lite_chart")) == before + 1


def test_without_a_clone_a_layer_before_an_inplace_step_gives_another_map(open_view, downloads):
    app = open_view("ablation")
    layer = app.selectbox(key="rlayer")
    layer.select_index(len(layer.options) - 1).run()
    assert not app.exception
    assert "is changed in place by the step after it" in words(app)
    table = pd.read_csv(io.StringIO(downloads["This table as CSV"]())).set_index("instead")
    assert table.loc["no clone", "outcome"] == "silent"
    assert "modified inplace" in table.loc["full backward hook", "PyTorch says"]


def test_the_validation_set_runs_in_the_background_and_is_kept(open_view, tiny_run, downloads):
    from dashboard.backend.jobs.board import job_board
    from dashboard.backend.set_jobs.ablation import AblationJob

    app = open_view("ablation", state={"rlayer": "0.6"})
    app.button(key="run_ablation").click().run()
    assert not app.exception
    assert job_board().current(AblationJob).wait(timeout=120)
    assert job_board().current(AblationJob).error is None
    app = open_view("ablation", state={"rlayer": "0.6"})
    assert not [button for button in app.button if button.key == "run_ablation"]
    table = pd.read_csv(io.StringIO(downloads["Table as CSV"]()))
    assert table["change"].tolist() == [change.name for change in CHANGES]
    assert set(table["pictures"]) == {12}
    assert len(pd.read_csv(io.StringIO(downloads["Every picture as CSV"]()))) == 12 * len(CHANGES)


def test_an_unexpected_error_is_shown_on_the_page(open_view, monkeypatch):
    from dashboard.backend.jobs.board import job_board
    from dashboard.backend.set_jobs.ablation import AblationJob

    def broken(job, report):
        raise KeyError("prob")

    monkeypatch.setattr(AblationJob, "work", broken)
    app = open_view("ablation", state={"rlayer": "0.7"})
    app.button(key="run_ablation").click().run()
    assert job_board().current(AblationJob).wait(timeout=60)
    app = open_view("ablation", state={"rlayer": "0.7"})
    assert "KeyError: 'prob'" in words(app)
    assert app.button(key="run_ablation")


def test_the_ablation_s_table_is_read_once(open_view, tiny_run, monkeypatch):
    from analysis.explain.studies.ablation import CHANGES
    from analysis.sweeps.ablation import save_table

    rows = [
        {"path": f"{picture}.png", "step": change.step, "change": change.name, "outcome": "silent",
         "correlation": picture / 3000, "moved": False, "distance": 0.0, "error": None}
        for picture in range(3000)
        for change in CHANGES
    ]  # fmt: skip
    save_table(pd.DataFrame(rows), tiny_run, "0.4")
    read, sent = [], []
    read_parquet = pd.read_parquet
    monkeypatch.setattr(pd, "read_parquet", lambda path: read.append(path) or read_parquet(path))
    import streamlit

    chart = streamlit.altair_chart
    monkeypatch.setattr(
        streamlit, "altair_chart", lambda spec, **options: sent.append(spec.to_dict()) or chart(spec, **options)
    )
    app = open_view("ablation", state={"rlayer": "0.4"})
    app.run()
    assert not app.exception
    assert len(read) == 1
    assert max(len(rows) for spec in sent for rows in spec["datasets"].values()) <= 100 * len(CHANGES)
