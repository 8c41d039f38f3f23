"""The pages run in-process, on a tiny learner in a home of their own."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.backend import caches

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tiny_run, monkeypatch):
    """`CAMLENS_HOME` of the tiny run, so that the pages find it."""
    folder = tiny_run.path.parent.parent
    monkeypatch.setenv("CAMLENS_HOME", str(folder))
    return folder


@pytest.fixture
def open_view(home):
    """Open a page by its file name, with query parameters and session state."""

    def opened(view: str, query: dict | None = None, state: dict | None = None) -> AppTest:
        app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120)
        app.run()
        for name, value in (query or {}).items():
            app.query_params[name] = value
        for name, value in (state or {}).items():
            app.session_state[name] = value
        app.switch_page(f"dashboard/views/{view}.py").run()
        assert not app.exception, [problem.value for problem in app.exception]
        return app

    return opened


@pytest.fixture
def fresh(home):
    """Drop the tables that other tests left in the cache."""
    caches._predictions.clear()


@pytest.fixture
def calls(monkeypatch):
    """Count the calls of a function or method: `calls(owner, name)` returns the growing list of its arguments."""

    def counted(owner, name):
        arguments = []
        original = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *args, **more: arguments.append(args) or original(*args, **more))
        return arguments

    return counted


@pytest.fixture
def open_words(home, tiny_words_run):
    """Open a page of words on the tiny run, with query parameters and session state."""

    def opened(view: str, query: dict | None = None, state: dict | None = None) -> AppTest:
        app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=120).run()
        for name, value in {"run": tiny_words_run.name, **(query or {})}.items():
            app.query_params[name] = value
        for name, value in (state or {}).items():
            app.session_state[name] = value
        app.switch_page(f"dashboard/views/{view}.py").run()
        assert not app.exception, [problem.value for problem in app.exception]
        return app

    return opened


def mistakes(run):
    """Return the rows of a run's mistakes in the gallery's order: highest loss first, then by name."""
    table = run.predictions()
    return table[table.label != table.predicted].sort_values(["loss", "path"], ascending=[False, True])


def words(app: AppTest) -> str:
    """Return everything a page says in words, as a reader sees it: without the escapes of Markdown."""
    lists = (app.title, app.subheader, app.markdown, app.caption, app.error, app.warning, app.info, app.success)
    text = "\n".join(str(element.value) for elements in lists for element in elements)
    return re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", text)


def sources(app: AppTest) -> str:
    """Return the text of every code block of a page."""
    return "\n".join(element.value for element in app.code)


def labelled(elements, label: str):
    """The one element (a button, say) of that label."""
    (found,) = [element for element in elements if element.label == label]
    return found


def metrics(app: AppTest) -> dict:
    """The page's metrics by their labels."""
    return {metric.label: metric for metric in app.metric}


def heat_maps(app) -> list[np.ndarray]:
    """The values of every heat map in the page's first figure."""
    found = []
    for trace in json.loads(app.get("plotly_chart")[0].proto.spec)["data"]:
        if trace["type"] == "heatmap":
            z = trace["z"]
            if isinstance(z, dict):
                shape = tuple(int(n) for n in z["shape"].split(","))
                z = np.frombuffer(base64.b64decode(z["bdata"]), dtype=z["dtype"]).reshape(shape)
            found.append(np.asarray(z, dtype=np.float32))
    return found
