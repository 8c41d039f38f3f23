"""The command line: which commands there are, and how they end."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from analysis.commands import evaluate, explain, fit, planted, runs, words
from analysis.commands.output import print_json
from analysis.errors import CamLensError
from analysis.progress import ProgressEvent

COMMANDS = (fit, evaluate, explain, planted, words, runs)
"""Each is a module with `add_parser(subparsers)` and `run(options)`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 2 an error the user can cure, 130 interrupted."""
    options = make_parser().parse_args(arguments)
    try:
        options.run_command(options)
    except KeyboardInterrupt:
        print("Interrupted. The next start begins anew; nothing needs cleaning up.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # whoever read the progress is gone; Python would complain again when it flushes
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except (CamLensError, OSError) as error:
        message = str(error)
        if getattr(options, "progress", "text") == "json":
            print_json(ProgressEvent("error", message, 0.0))
        print(f"error: {message}", file=sys.stderr)
        return 2
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; `options.run_command` is the command's `run`."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis",
        description="Train a classifier of images or of texts, predict its validation set, and explain it.",
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser
