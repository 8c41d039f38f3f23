"""Stand in for the browser: what a component gets, and what it answers."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest


def answers(monkeypatch: pytest.MonkeyPatch, **values: Any) -> list[dict[str, Any]]:
    """Let every component answer `values`; the list fills with the arguments that each was mounted with."""
    mounted: list[dict[str, Any]] = []

    def component(name: str, **source: str) -> Any:
        def mount(**arguments: Any) -> SimpleNamespace:
            mounted.append({"name": name, **source, **arguments})
            return SimpleNamespace(**values)

        return mount

    monkeypatch.setattr(st.components.v2, "component", component)
    return mounted


def sent(app: AppTest) -> list[Any]:
    """Return the data that the page sends to each of its components in the browser."""
    assert not app.exception, [problem.value for problem in app.exception]
    return [json.loads(element.proto.json) for element in app.get("bidi_component")]
