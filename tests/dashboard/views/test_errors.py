"""The Errors page: the filters, and twenty cards a page."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

from analysis.runs import sha256
from tests.dashboard.conftest import labelled, mistakes, words


@pytest.fixture
def crowded_home(home, tiny_run, tmp_path, monkeypatch):
    """A home with a run of 45 mistakes; the pictures are not there. Returns their names, worst first."""
    folder = tmp_path / "runs" / tiny_run.name
    shutil.copytree(tiny_run.path, folder)
    row = tiny_run.predictions().iloc[0].to_dict()
    first, second = tiny_run.manifest.class_names
    wrong = {**row, "label": first, "predicted": second}
    names = [f"{'dune' if number < 15 else 'shore'}/{first}_{number}.png" for number in range(45)]
    table = pd.DataFrame([{**wrong, "path": name, "loss": number / 10} for number, name in enumerate(names)])
    table.to_parquet(folder / "predictions.parquet")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["predictions.parquet"] = sha256(folder / "predictions.parquet")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("CAMLENS_HOME", str(tmp_path))
    return names[::-1]


@pytest.fixture
def grids(monkeypatch):
    """The ids of the cards of every grid that is drawn."""
    import dashboard.components.photo_grid as component

    drawn = []
    monkeypatch.setattr(component, "photo_grid", lambda photos, key: drawn.append([card.id for card in photos]))
    return drawn


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


@pytest.mark.parametrize(("page", "first", "last"), [(1, 0, 20), (2, 20, 40), (3, 40, 45)])
def test_each_page_shows_its_own_cards(open_view, crowded_home, grids, page, first, last):
    app = open_view("errors", state={"page": page})
    assert "45 of 45 mistakes" in words(app)
    assert grids[-1] == crowded_home[first:last]


@pytest.mark.parametrize(("name", "first", "last"), [("shore", 0, 20), ("dune", 30, 45)])
def test_a_filter_that_leaves_fewer_pages_shows_the_first(open_view, crowded_home, grids, name, first, last):
    app = open_view("errors", state={"page": 3})
    app.text_input(key="name").set_value(name).run()
    assert not app.exception
    assert grids[-1] == crowded_home[first:last]
