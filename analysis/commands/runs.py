"""`python -m analysis runs`: list the dashboard's runs."""

from __future__ import annotations

import argparse

from analysis.commands.options import Subparsers
from analysis.errors import CamLensError
from analysis.predictions import results_of
from analysis.runs import list_broken, list_runs, restore_runs, runs_root


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    subparsers.add_parser("runs", help="list the dashboard's runs").set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    """Print one line for each run, also for those that cannot be used."""
    for sentence in restore_runs():
        print(sentence)
    runs = list_runs()
    print(f"{len(runs)} runs in {runs_root()}")
    for one in runs:
        try:
            rate = results_of(one).error_rate
            print(f"{one.name}  {one.manifest.kind}  {one.manifest.created}  error rate {rate:.3f}")
        except CamLensError as error:
            print(f"{one.name}  cannot be used: {error}")
    for path, reason in list_broken():
        print(f"{path.name}  cannot be used: {reason}")
