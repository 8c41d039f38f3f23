"""`python -m analysis fit`: train a learner and keep it as a run."""

from __future__ import annotations

import argparse
import contextlib
import os
import threading

from analysis.commands.options import RUN_HELP, Subparsers, add_progress, run_path
from analysis.commands.output import print_result, reporter
from analysis.kinds import all_sources, kinds, recipe_fields, recipe_for
from analysis.recipes.base import RecipeBase


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser("fit", help="train a learner and keep it as a run")
    parser.add_argument(
        "--source", choices=all_sources(), default=all_sources()[0], help="where the examples come from"
    )
    recipes = [kind.recipe for kind in kinds()]
    tasks = sorted({task for recipe in recipes for names in recipe.tasks.values() for task in names})
    parser.add_argument("--task", choices=tasks, help="which classes to learn (default: the source's first)")
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
    parser.add_argument("--run", metavar="DIR", help=f"{RUN_HELP}; default: a name made from the recipe")
    parser.add_argument("--force", action="store_true", help="train again, also over another run")
    add_progress(parser)
    parser.add_argument(
        "--die-with-parent", action="store_true", help="end when standard input closes, as a child process"
    )
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    """Train, and print where the run is and how good it is."""
    if options.die_with_parent:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    from analysis.fitting.fit import fit

    target = run_path(options.run) if options.run else None
    fitted = fit(recipe_of(options), target, reporter(options), options.force)
    if options.progress == "text":
        for note in fitted.manifest.notes:
            print(f"note: {note}")
    print_result(fitted, options)


def recipe_of(options: argparse.Namespace) -> RecipeBase:
    """Return the recipe that the options ask for; raises RecipeError."""
    given = {name: getattr(options, name, None) for name in recipe_fields() if name != "source"}
    return recipe_for(options.source, **given)


def _end_with_stdin() -> None:
    """Wait for the end of standard input, which closes when the parent ends, and end this process."""
    # Not through sys.stdin: its lock, held by a waiting read, would abort Python's own shutdown.
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    os._exit(3)
