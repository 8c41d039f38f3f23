"""Options that several commands have."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TypeAlias

from analysis.runs import Run, open_run, runs_root

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

RUN_HELP = (
    "a run folder; a name without a slash is a folder of that name among the dashboard's runs "
    "(see `python -m analysis runs`)"
)


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add `--run`, which must be given."""
    parser.add_argument("--run", metavar="DIR", required=True, help=RUN_HELP)


def run_path(given: str) -> Path:
    """Return the folder that `--run` means: a bare name lies under `runs_root()`, a path is a path."""
    bare = "/" not in given and os.sep not in given and given not in (".", "..", "~")
    return runs_root() / given if bare else Path(given).expanduser()


def chosen_run(options: argparse.Namespace) -> Run:
    """Return the run that `--run` names; raises RunError where there is none."""
    return open_run(run_path(options.run))


def add_progress(parser: argparse.ArgumentParser) -> None:
    """Add `--progress`."""
    parser.add_argument(
        "--progress", choices=("text", "json"), default="text", help="json: one object a line on standard output"
    )
