"""The command line: fit, evaluate, explain, runs."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from analysis.commands.words import add_arguments as add_words_arguments
from analysis.commands.words import print_words
from analysis.errors import CamLensError
from analysis.kinds import all_sources, kind_of, kinds, recipe_fields, recipe_for
from analysis.predictions import open_predictions, results_of
from analysis.progress import ProgressEvent, Report
from analysis.recipes.base import RecipeBase
from analysis.runs import Run, list_broken, list_runs, open_run, restore_runs, runs_root

_RUN_HELP = (
    "a run folder; a name without a slash is a folder of that name among the dashboard's runs "
    "(see `python -m analysis runs`)"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 2 an error the user can cure, 130 interrupted."""
    options = _parser().parse_args(arguments)
    as_json = getattr(options, "progress", "text") == "json"
    if getattr(options, "die_with_parent", False):
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        options.command(options)
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
        if as_json:
            print(ProgressEvent("error", message, 0.0).to_json(), flush=True)
        print(f"error: {message}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m analysis",
        description="Train a classifier of images or of texts, predict its validation set, and explain it.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_fit(commands.add_parser("fit", help="train a learner and keep it as a run"))
    _add_evaluate(commands.add_parser("evaluate", help="predict a run's validation set"))
    _add_explain(commands.add_parser("explain", help="write the raw maps of images to a file"))
    planted = commands.add_parser(
        "planted", help="measure what the demo's shortcut does, and whether the maps show it"
    )
    planted.add_argument("--run", metavar="DIR", required=True, help=_RUN_HELP)
    planted.set_defaults(command=_planted)
    words = commands.add_parser("words", help="rank a text learner's words, or explain one text")
    words.add_argument("--run", metavar="DIR", required=True, help=_RUN_HELP)
    add_words_arguments(words)
    words.set_defaults(command=lambda options: print_words(open_run(run_path(options.run)), options))
    runs = commands.add_parser("runs", help="list the dashboard's runs")
    runs.set_defaults(command=_runs)
    return parser


def _add_fit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source", choices=all_sources(), default=all_sources()[0], help="where the examples come from"
    )
    recipes = [kind.recipe for kind in kinds()]
    tasks = sorted({task for recipe in recipes for names in recipe.tasks.values() for task in names})
    parser.add_argument("--task", choices=tasks, help="what is told apart (default: the source's first)")
    parser.add_argument("--path", help="the folder of images, for --source folder; the file, for --source table")
    parser.add_argument(
        "--arch",
        choices=tuple(dict.fromkeys(arch for recipe in recipes for arch in recipe.architectures)),
        help="the network (default: resnet34; demo: lite0; texts: wordcnn)",
    )
    parser.add_argument("--epochs", type=int, help="epochs after the frozen one, if any (default: by source)")
    parser.add_argument("--batch-size", type=int, help="examples a training step (default: by source)")
    parser.add_argument("--base-lr", type=float, help="base or highest learning rate (default: by source)")
    parser.add_argument("--seed", type=int, help="of the split and the training (default: 21)")
    parser.add_argument(
        "--no-pretrained", dest="pretrained", action="store_const", const=False, help="start from random weights"
    )
    for recipe in recipes:
        recipe.add_options(parser)
    parser.add_argument("--run", metavar="DIR", help=f"{_RUN_HELP}; default: a name made from the recipe")
    parser.add_argument("--force", action="store_true", help="train again, also over another run")
    _add_progress(parser)
    parser.add_argument(
        "--die-with-parent", action="store_true", help="end when standard input closes, as a child process"
    )
    parser.set_defaults(command=_fit)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", metavar="DIR", required=True, help=_RUN_HELP)
    parser.add_argument("--force", action="store_true", help="predict again, also when nothing has changed")
    _add_progress(parser)
    parser.set_defaults(command=_evaluate)


def _add_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", metavar="DIR", required=True, help=_RUN_HELP)
    parser.add_argument("--methods", nargs="+", default=["gradcam"], metavar="METHOD", help="default: gradcam")
    parser.add_argument("--layers", nargs="+", metavar="LAYER", help="default: the last stage of the network")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--images", nargs="+", metavar="FILE", help="file names of the run, or paths of other images"
    )
    chosen.add_argument(
        "--errors", type=int, metavar="N", help="the N mistakes with the highest loss (default: 16)"
    )
    parser.add_argument(
        "--target",
        default="predicted",
        help="predicted (default), true, contrast (why the predicted class rather than the true one; where "
        "that was right, rather than the next most probable one), or the name of a class",
    )
    parser.add_argument("--out", metavar="FILE.npz", required=True, help="file to write")
    parser.add_argument(
        "--precision",
        choices=("fp32", "bf16"),
        default="fp32",
        help="bf16 computes the network's body in bfloat16, faster on processors made for it",
    )
    parser.set_defaults(command=_explain)


def _add_progress(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--progress", choices=("text", "json"), default="text", help="json: one object a line on standard output"
    )


def _fit(options: argparse.Namespace) -> None:
    from analysis.fitting.fit import fit

    run = fit(_recipe(options), run_path(options.run) if options.run else None, _reporter(options), options.force)
    if options.progress == "text":
        for note in run.manifest.notes:
            print(f"note: {note}")
    _conclude(run, options)


def _recipe(options: argparse.Namespace) -> RecipeBase:
    given = {name: getattr(options, name, None) for name in recipe_fields() if name != "source"}
    return recipe_for(options.source, **given)


def _evaluate(options: argparse.Namespace) -> None:
    run = open_run(run_path(options.run))
    from analysis.sweeps.evaluation import evaluate

    _conclude(evaluate(run, force=options.force, report=_reporter(options)), options)


def _explain(options: argparse.Namespace) -> None:
    run = open_run(run_path(options.run))
    from analysis.sweeps.maps import write_maps

    written = write_maps(
        run,
        Path(options.out),
        methods=options.methods,
        layers=options.layers,
        images=options.images,
        errors=options.errors if options.errors is not None else 16,
        target=options.target,
        precision=options.precision,
    )
    for (layer, method), reason in written.refused.items():
        print(f"note: no map by {method} at layer {layer}: {reason}")
    print(f"Maps of {written.images} images: {options.out}")


def _planted(options: argparse.Namespace) -> None:
    run = open_run(run_path(options.run))
    from analysis.learner.images.store import load
    from analysis.predictions.shortcut import shortcut_table
    from analysis.sweeps.planted import shortcut_effects, shortcut_summary

    print(shortcut_table(open_predictions(run), run.manifest.data_root).round(3).to_string(index=False))
    print()
    print(shortcut_summary(shortcut_effects(load(run))).round(2).to_string(index=False))


def _runs(options: argparse.Namespace) -> None:
    for sentence in restore_runs():
        print(sentence)
    runs = list_runs()
    print(f"{len(runs)} runs in {runs_root()}")
    for run in runs:
        try:
            rate = results_of(run).error_rate
            print(f"{run.name}  {run.manifest.kind}  {run.manifest.created}  error rate {rate:.3f}")
        except CamLensError as error:
            print(f"{run.name}  cannot be used: {error}")
    for path, reason in list_broken():
        print(f"{path.name}  cannot be used: {reason}")


def run_path(given: str) -> Path:
    """Return the folder that `--run` means: a bare name lies under `runs_root()`, a path is a path."""
    bare = "/" not in given and os.sep not in given and given not in (".", "..", "~")
    return runs_root() / given if bare else Path(given).expanduser()


def _conclude(run: Run, options: argparse.Namespace) -> None:
    if options.progress == "text":
        results = results_of(run)
        if results.missing:
            from analysis.sweeps.evaluation import missing_examples, missing_sentence

            print(missing_sentence(run, missing_examples(run)))
        nouns = kind_of(run.manifest.recipe).nouns
        print(f"Error rate {results.error_rate:.3f} on {results.examples} validation {nouns}: {run.path}")


def _reporter(options: argparse.Namespace) -> Report:
    return _print_json if options.progress == "json" else TextReport()


def _print_json(event: ProgressEvent) -> None:
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


def _end_with_stdin() -> None:
    """Wait for the end of standard input, which closes when the parent ends, and end this process."""
    # Not through sys.stdin: its lock, held by a waiting read, would abort Python's own shutdown.
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    os._exit(3)
