"""A small demo on the disk, drawn once."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.data.demo.dataset import make_demo
from tests.tiny import FEW_PICTURES


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo with few pictures, drawn by one process. Do not write into it."""
    root = tmp_path_factory.mktemp("drawn") / "demo"
    make_demo(root, parameters=FEW_PICTURES, workers=1)
    return root
