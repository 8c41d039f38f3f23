"""What the tests of the backend share."""

from __future__ import annotations

import shutil

import pytest

from analysis.runs import open_run


@pytest.fixture
def another(tmp_path):
    """Return a function that makes a second run of one."""
    return lambda run: open_run(shutil.copytree(run.path, tmp_path / f"{run.name}-again"))
