"""`python -m analysis words`: a run's words, ranked, or the words of one review."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.commands.options import Subparsers, add_run, chosen_run
from analysis.errors import CamLensError

if TYPE_CHECKING:
    import pandas as pd

    from analysis.learner.words.store import WordLearner

TOP = 50


class WordsCommandError(CamLensError, ValueError):
    """Options of the command that do not fit together."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser("words", help="rank a text learner's words, or explain one text")
    add_run(parser)
    parser.add_argument("--text", help="explain this text instead of the validation set; - reads standard input")
    parser.add_argument("--top", type=int, metavar="N", help=f"the N strongest rows (default: {TOP}; a text: all)")
    parser.add_argument("--target", metavar="CLASS", help="the class that words speak for (see --against)")
    parser.add_argument("--against", metavar="CLASS", help="explain why --target rather than this class")
    parser.add_argument("--method", help="default: cam where the network has it, else gradcam")
    parser.add_argument("--layer", help="default: the network's last")
    parser.add_argument(
        "--length", type=int, default=1, metavar="WORDS", help="rank phrases of this length (default: 1)"
    )
    parser.add_argument(
        "--min-reviews", type=int, default=10, metavar="N", help="leave rarer words out (default: 10)"
    )
    parser.add_argument("--mistakes", action="store_true", help="rank the words that lead to the mistakes")
    parser.add_argument(
        "--truth", type=int, metavar="N", help="deletion and insertion curves over N validation reviews"
    )
    parser.add_argument("--out", metavar="FILE.csv", help="write the whole table too")
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    """Print the table that the options ask for; raises CamLensError for a run of images or a wrong option."""
    chosen = chosen_run(options)
    from analysis.learner.words.store import load_text

    if options.top is not None and options.top < 1:
        raise WordsCommandError(f"--top is {options.top}; give at least 1.")
    if options.against is not None and options.target is None:
        raise WordsCommandError("--against needs --target: why the one class rather than the other.")
    if options.truth is not None and options.truth < 1:
        raise WordsCommandError(f"--truth is {options.truth}; give the number of reviews, at least 1.")
    loaded = load_text(chosen)
    if options.text is not None:
        _print_review(loaded, options)
    elif options.truth is not None:
        _print_truth(loaded, options)
    elif options.mistakes:
        _print_mistakes(loaded, options)
    else:
        _print_ranking(loaded, options)


def _print_review(loaded: WordLearner, options: argparse.Namespace) -> None:
    from analysis.learner.probes.files import probes_of
    from analysis.words.report import words_report
    from analysis.words.tables import chosen_target, review_summary, review_table
    from analysis.words.token_values import known_method

    text = sys.stdin.read() if options.text == "-" else options.text
    names = loaded.run.manifest.class_names
    target = chosen_target(options.target, options.against, names)
    report = words_report(loaded, text, names, target, probes_of(loaded.run))
    row = next((row for row in report.rows if row.layer == options.layer), report.rows[-1])
    if options.layer not in (None, row.layer):
        known = ", ".join(row.layer for row in report.rows)
        raise WordsCommandError(f"The network has no layer {options.layer!r}; it has {known}.")
    method = options.method or row.best
    shown = row.by_method(method)
    if shown.contributions is None:
        others = " or ".join(name for name, other in row.maps.items() if other.contributions is not None)
        title = known_method(method).title
        raise WordsCommandError(f"No {title} at {row.layer}: {shown.note} Use --method {others}.")
    print(review_summary(report, shown))
    print(f"By {method} at {row.layer}. {shown.note}".rstrip())
    table = review_table(report, shown.contributions)
    if options.top is not None:
        order = table["contribution"].abs().sort_values(ascending=False, kind="stable").index
        table = table.loc[order].head(options.top)
    _show(table.drop(columns="share"), options)


def _print_ranking(loaded: WordLearner, options: argparse.Namespace) -> None:
    from analysis.explain.engine.targets import target_label
    from analysis.words.occurrences import collect
    from analysis.words.ranking import INTERVAL, rank_words
    from analysis.words.tables import chosen_target, compared_with_vader, ranked_table

    names = loaded.run.manifest.class_names
    target = chosen_target(options.target, options.against, names)
    texts = loaded.run.predictions(["text"])["text"].tolist()
    occurrences = collect(loaded, texts, target, options.method, options.layer, options.length)
    ranking = rank_words(occurrences, options.min_reviews)
    lexicon, sentence = compared_with_vader(ranking) if target is None else (None, "")
    print(
        f"{len(ranking)} words in at least {options.min_reviews} of {len(texts)} validation reviews, by "
        f"{occurrences.method} at {occurrences.layer}: {target_label((1, 0) if target is None else target, names)}"
    )
    print(INTERVAL)
    if sentence:
        print(sentence)
    _show(ranked_table(ranking, lexicon), options, TOP)


def _print_mistakes(loaded: WordLearner, options: argparse.Namespace) -> None:
    from analysis.words.ranking import words_of_mistakes

    table = loaded.run.predictions(["label", "predicted", "text"])
    names = list(loaded.run.manifest.class_names)
    labels, predicted = ([names.index(name) for name in table[column]] for column in ("label", "predicted"))
    ranking = words_of_mistakes(loaded, table["text"].tolist(), labels, predicted, options.method, options.layer)
    wrong = sum(one != other for one, other in zip(labels, predicted, strict=True))
    print(f"What pushes {wrong} of {len(table)} validation reviews to the wrong class, in logits")
    _show(ranking, options, TOP)


def _print_truth(loaded: WordLearner, options: argparse.Namespace) -> None:
    from analysis.words.curves import DRAWS, SEED, curve_areas, curve_summary, word_curves
    from analysis.words.tables import chosen_target

    names = loaded.run.manifest.class_names
    target = chosen_target(options.target, options.against, names)
    texts = loaded.run.predictions(["text"])["text"].tolist()[: options.truth]
    areas = curve_areas(word_curves(loaded, texts, target, options.method, options.layer))
    print(f"Areas under the curves of {len(areas)} reviews; random: {DRAWS} orders a review, seed {SEED};")
    print("low and high: 95 % interval of the mean over reviews (Student's t); a gain above 0 beats random order")
    _show(curve_summary(areas), options)


def _show(table: pd.DataFrame, options: argparse.Namespace, top: int | None = None) -> None:
    """Print the first rows of a table, and write all of it where a file was named."""
    if options.out:
        table.to_csv(Path(options.out), index=False)
    shown = (table if top is None else table.head(options.top or top)).round(4)
    if "word" in shown:
        shown = shown.assign(word=shown["word"].map(_printable))
    if len(shown):
        print(shown.to_string(index=False, na_rep=""))


def _printable(word: str) -> str:
    """Return a word with its control characters as escapes, or a terminal would obey them."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in word)
