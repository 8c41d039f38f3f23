"""The door to learners of words."""

from __future__ import annotations

import shutil

import pytest

from analysis.runs import PROBES, RunError, open_run
from dashboard.backend.words import WordsService


def test_probes_that_were_changed_are_refused_with_their_cure(tiny_words_run, tmp_path):
    shutil.copytree(tiny_words_run.path, tmp_path / "run")
    data = (tmp_path / "run" / PROBES).read_bytes()
    (tmp_path / "run" / PROBES).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))  # still readable, but other numbers
    with pytest.raises(RunError, match=f"{PROBES} was changed since .*--force"):
        WordsService().report(open_run(tmp_path / "run"), tiny_words_run.predictions().path.iloc[0], 0)
