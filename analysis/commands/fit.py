"""`python -m analysis fit`: train a learner and keep it as a run."""

from __future__ import annotations

import argparse
import contextlib
import os
import threading

from analysis.commands.options import RUN_HELP, Subparsers, add_progress, run_path
from analysis.commands.output import print_result, reporter
from analysis.data.source import TASKS
from analysis.data.texts import TEXT_TASKS
from analysis.recipes.images import ARCHITECTURES, HEADS
from analysis.recipes.registry import ALL_SOURCES, AnyRecipe, recipe_for
from analysis.recipes.words import TEXT_ARCHITECTURES


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser("fit", help="train a learner and keep it as a run")
    parser.add_argument(
        "--source", choices=ALL_SOURCES, default="demo", help="where the images or texts come from"
    )
    tasks = sorted({task for names in (*TASKS.values(), *TEXT_TASKS.values()) for task in names})
    parser.add_argument("--task", choices=tasks, help="what is told apart (default: the source's first)")
    parser.add_argument("--path", help="the folder of images, for --source folder; the file, for --source table")
    parser.add_argument(
        "--arch",
        choices=(*ARCHITECTURES, *TEXT_ARCHITECTURES),
        help="the network (default: resnet34; demo: lite0; texts: wordcnn)",
    )
    parser.add_argument("--head", choices=HEADS, help="linear: CAM is exact (default); book: fastai's own")
    parser.add_argument("--size", type=int, metavar="PIXELS", help="side of the square (default: 224)")
    parser.add_argument("--epochs", type=int, help="epochs after the frozen one, if any (default: by source)")
    parser.add_argument("--batch-size", type=int, help="examples a training step (default: by source)")
    parser.add_argument("--base-lr", type=float, help="base or highest learning rate (default: by source)")
    parser.add_argument("--seed", type=int, help="of the split and the training (default: 21)")
    parser.add_argument("--no-pretrained", action="store_true", help="start from random weights")
    parser.add_argument("--vocabulary-size", type=int, metavar="WORDS", help="texts: words that are told apart")
    parser.add_argument("--max-tokens", type=int, metavar="WORDS", help="texts: how much of a long one is seen")
    for part in ("text", "label", "split"):
        parser.add_argument(f"--{part}-column", metavar="NAME", help=f"of the {part}, for --source table")
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


def recipe_of(options: argparse.Namespace) -> AnyRecipe:
    """Return the recipe that the options ask for; raises RecipeError."""
    return recipe_for(
        options.source,
        path=options.path,
        task=options.task,
        arch=options.arch,
        head=options.head,
        size=options.size,
        epochs=options.epochs,
        batch_size=options.batch_size,
        base_lr=options.base_lr,
        seed=options.seed,
        pretrained=False if options.no_pretrained else None,
        vocabulary_size=options.vocabulary_size,
        max_tokens=options.max_tokens,
        text_column=options.text_column,
        label_column=options.label_column,
        split_column=options.split_column,
    )


def _end_with_stdin() -> None:
    """Wait for the end of standard input, which closes when the parent ends, and end this process."""
    # Not through sys.stdin: its lock, held by a waiting read, would abort Python's own shutdown.
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    os._exit(3)
