"""A process that ends while a learner is still loaded or measured ends well, and soon."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# Ends when `explain` is called for the nth time, at once for 0; says how often it was called after that.
WARM = """
import atexit, sys, threading
from pathlib import Path
from analysis.runs import open_run
from dashboard.backend.warm import warm

moment, began, late = int(sys.argv[1]), threading.Event(), []
if moment:
    import analysis.explain.precision as precision
    explain, calls = precision.explain, []

    def counted(*args, **options):
        calls.append(1)
        if len(calls) == moment:
            began.set()
        if not threading.main_thread().is_alive():
            late.append(1)
        return explain(*args, **options)

    precision.explain = counted
atexit.register(lambda: print("late:", len(late)))
warm(open_run(Path(sys.argv[2])))
assert not moment or began.wait(100)
"""


@pytest.mark.parametrize("moment", [0, 1, 3, 5])
def test_the_process_ends_while_a_learner_is_warmed(tiny_run, moment):
    ended = subprocess.run(
        [sys.executable, "-c", WARM, str(moment), str(tiny_run.path)],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=ROOT,
        env={**os.environ, "OMP_WAIT_POLICY": "passive"},
    )
    assert ended.returncode == 0, ended.stderr
    assert "terminate called" not in ended.stderr
    assert "Traceback" not in ended.stderr
    assert int(ended.stdout.removeprefix("late:")) <= 1  # the step that had begun, none after it
