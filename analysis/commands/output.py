"""What commands print: progress, and the result of an evaluation."""

from __future__ import annotations

import argparse
import sys

from analysis.kinds import kind_of
from analysis.predictions import results_of
from analysis.progress import ProgressEvent, Report
from analysis.runs import Run


def reporter(options: argparse.Namespace) -> Report:
    """Return the report function that `--progress` asks for."""
    return print_json if options.progress == "json" else TextReport()


def print_json(event: ProgressEvent) -> None:
    """Print one event as a line of JSON."""
    print(event.to_json(), flush=True)


class TextReport:
    """Progress for a terminal: one line that is written over, or one line a stage where there is none."""

    def __init__(self) -> None:
        """Start before the first stage."""
        self._stage = ""
        self._terminal = sys.stdout.isatty()

    def __call__(self, event: ProgressEvent) -> None:
        """Show one event."""
        if not self._terminal and event.stage == self._stage:
            return
        left = "" if event.seconds_left is None else f", {event.seconds_left:.0f} s left"
        line = f"{event.fraction:4.0%} {event.message}{left}"
        if self._terminal:
            print(f"\r\033[K{line}", end="\n" if event.stage == "done" else "", flush=True)
        else:
            print(line, flush=True)
        self._stage = event.stage


def print_result(run: Run, options: argparse.Namespace) -> None:
    """Print the error rate of an evaluated run; nothing where standard output holds JSON."""
    if options.progress != "text":
        return
    results = results_of(run)
    if results.missing:
        from analysis.sweeps.evaluation import missing_examples, missing_sentence

        print(missing_sentence(run, missing_examples(run)))
    nouns = kind_of(run.manifest.recipe).nouns
    print(f"Error rate {results.error_rate:.3f} on {results.examples} validation {nouns}: {run.path}")
