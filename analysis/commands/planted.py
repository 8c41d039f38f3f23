"""`python -m analysis planted`: what the demo's shortcut does to a learner, and whether the maps show it."""

from __future__ import annotations

import argparse

from analysis.commands.options import Subparsers, add_run, chosen_run
from analysis.predictions import open_predictions


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "planted", help="measure what the demo's shortcut does, and whether the maps show it"
    )
    add_run(parser)
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    """Print the error rates with and without the shortcut, and its effects."""
    chosen = chosen_run(options)
    from analysis.learner.images.store import load
    from analysis.predictions.shortcut import shortcut_table
    from analysis.sweeps.planted import shortcut_effects, shortcut_summary

    print(shortcut_table(open_predictions(chosen), chosen.manifest.data_root).round(3).to_string(index=False))
    print()
    print(shortcut_summary(shortcut_effects(load(chosen))).round(2).to_string(index=False))
