"""Everything the Words page shows of a whole validation set: computed once, saved, and read again quickly."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.explain.engine.targets import Target
from analysis.home import home
from analysis.progress import Report, silent, within
from analysis.runs import Run
from analysis.words.curves import WordCurves, curve_areas, word_curves
from analysis.words.network import TextLearner
from analysis.words.occurrences import collect
from analysis.words.ranking import rank_words, words_of_mistakes

CURVE_REVIEWS = 100
"""Reviews whose words are left out one after the other; each needs about a hundred predictions."""
MIN_REVIEWS = 2
"""The number of reviews that a word has to occur in: an interval needs two."""
FRACTIONS = np.linspace(0.0, 1.0, 11)
_RANKED, _MISTAKES = 0.5, 0.65  # shares of the time at which these parts are done


@dataclass(frozen=True)
class WordSet:
    """The words of a validation set, for one explained score.

    Attributes
    ----------
    ranking : `rank_words`, words in at least `MIN_REVIEWS` reviews.
    mistakes : `words_of_mistakes`.
    areas : `curve_areas` of at most `CURVE_REVIEWS` reviews, spread evenly over the set.
    curves : their mean curves: order ("contribution", "random"), kind ("deletion", "insertion"), fraction,
        probability (of each review's predicted class).
    """

    ranking: pd.DataFrame
    mistakes: pd.DataFrame
    areas: pd.DataFrame
    curves: pd.DataFrame


def make_word_set(
    learner: TextLearner,
    predictions: pd.DataFrame,
    class_names: Sequence[str],
    target: Target,
    report: Report = silent,
) -> WordSet:
    """Rank the words of a validation set, and test on some reviews whether the prediction depends on them.

    Parameters
    ----------
    predictions : the columns path, label, predicted and text of `Run.predictions`
    class_names : in the order of the vocabulary
    target : the class, or the pair of classes, whose score is explained
    report : receives stage "words"; raise from it to stop

    Raises
    ------
    ExplainError : the target does not fit the learner
    """
    names = list(class_names)
    texts = predictions["text"].tolist()
    occurrences = collect(learner, texts, target, report=within(report, 0.0, _RANKED))
    ranking = rank_words(occurrences, MIN_REVIEWS)
    labels, predicted = ([names.index(name) for name in predictions[column]] for column in ("label", "predicted"))
    mistakes = words_of_mistakes(learner, texts, labels, predicted, report=within(report, _RANKED, _MISTAKES))
    chosen = _spread(len(texts), CURVE_REVIEWS)
    curves = word_curves(learner, [texts[place] for place in chosen], report=within(report, _MISTAKES, 1.0))
    areas = curve_areas(curves)
    areas["review"] = [predictions["path"].iloc[chosen[place]] for place in areas["review"]]
    return WordSet(ranking, mistakes, areas, mean_curves(curves))


def mean_curves(curves: Sequence[WordCurves | None]) -> pd.DataFrame:
    """Return the mean curves of all reviews at the `FRACTIONS`: the table `WordSet.curves`."""
    complete = [one for one in curves if one is not None and len(one.random_deletion)]
    rows = []
    for kind in ("deletion", "insertion"):
        for order, name in (("contribution", kind), ("random", f"random_{kind}")):
            values = [np.interp(FRACTIONS, one.fractions, _mean(getattr(one, name))) for one in complete]
            for fraction, value in zip(FRACTIONS, np.mean(values, axis=0) if values else (), strict=False):
                rows.append((order, kind, float(fraction), float(value)))
    return pd.DataFrame(rows, columns=["order", "kind", "fraction", "probability"])


def _mean(curve: np.ndarray) -> np.ndarray:
    return curve if curve.ndim == 1 else curve.mean(axis=0)


def _spread(count: int, most: int) -> list[int]:
    """Return at most `most` positions of `count` reviews, at equal distances."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()


def load_set(run: Run, target: Target) -> WordSet | None:
    """Return the set that was saved for a run as it is now; None where it has to be computed (again)."""
    return read_set(set_folder(run, target))


def read_set(folder: Path) -> WordSet | None:
    """Return the set in a folder; None where there is none."""
    try:
        return WordSet(
            **{field.name: pd.read_parquet(folder / f"{field.name}.parquet") for field in fields(WordSet)}
        )
    except (OSError, ValueError):
        return None


def save_set(words: WordSet, run: Run, target: Target) -> Path:
    """Save a set in one step and return its folder: a reader sees all of it or nothing."""
    folder = set_folder(run, target)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir()
        for field in fields(WordSet):
            getattr(words, field.name).to_parquet(temporary / f"{field.name}.parquet")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def set_folder(run: Run, target: Target) -> Path:
    """Return the folder for the set of a run as it is now, whether it exists or not."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", run.name)[:80]
    weights = run.manifest.files["weights.safetensors"][:12]
    table = run.manifest.files["predictions.parquet"][:8]
    score = str(target) if isinstance(target, int) else f"{target[0]}-{target[1]}"
    return home() / "words" / f"{name}-{weights}-{table}-{score}"
