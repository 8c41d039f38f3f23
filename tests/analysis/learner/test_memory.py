"""Freed memory that is kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from analysis.learner.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
for _ in range(3):
    np.ones(8_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(8_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc is Linux's")
def test_large_blocks_are_not_handed_back_to_the_system():
    faults = {}
    for how in ("default", "keep"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, how], cwd=Path(__file__).parents[3], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        faults[how] = int(done.stdout)
    assert faults["keep"] < 0.1 * faults["default"]
