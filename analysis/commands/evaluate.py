"""`python -m analysis evaluate`: predict a run's validation set."""

from __future__ import annotations

import argparse

from analysis.commands.options import Subparsers, add_progress, add_run, chosen_run
from analysis.commands.output import print_result, reporter


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser("evaluate", help="predict a run's validation set")
    add_run(parser)
    parser.add_argument("--force", action="store_true", help="predict again, also when nothing has changed")
    add_progress(parser)
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    """Predict, and print the error rate."""
    chosen = chosen_run(options)
    from analysis.sweeps.evaluation import evaluate

    print_result(evaluate(chosen, force=options.force, report=reporter(options)), options)
