"""Words of a whole validation set, ranked by what they contribute on average, and words that drive mistakes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.explain.errors import ExplainError
from analysis.progress import Report, silent
from analysis.words.intervals import clustered_half_widths
from analysis.words.network import TextLearner
from analysis.words.occurrences import Occurrences, collect

INTERVAL = "95 % interval of the mean: Student's t, with the review as the unit (a word's occurrences in one "
INTERVAL += "review are not independent); each word's own, not widened for the number of words compared."
"""What the columns `low` and `high` are, for a reader."""


def rank_words(occurrences: Occurrences, min_reviews: int = 10) -> pd.DataFrame:
    """Rank words by the size of their mean contribution, strongest first.

    Words in fewer than `min_reviews` reviews are left out: at least 2, for an interval.

    Returns
    -------
    One row a word: word; mean, low, high (mean contribution of an occurrence in logits, with the interval that
    `INTERVAL` describes); evidence (mean of contribution times the review's length in tokens, which long
    reviews do not make smaller); occurrences, reviews; total (sum of the contributions); known (whether the
    vocabulary has it). Words of equal mean stand in alphabetical order.
    """
    if min_reviews < 2:
        raise ExplainError(f"min_reviews is {min_reviews}; an interval needs at least 2 reviews")
    size = len(occurrences.words)
    pair, inverse = np.unique(
        occurrences.word * len(occurrences.scores) + occurrences.review, return_inverse=True
    )  # one number for each (word, review)
    counts = np.bincount(inverse, minlength=len(pair)).astype(np.float64)
    sums = np.bincount(inverse, weights=occurrences.contribution, minlength=len(pair))
    group = pair // len(occurrences.scores)
    mean, half, reviews = clustered_half_widths(sums, counts, group, size)
    frequency = np.bincount(occurrences.word, minlength=size)
    with np.errstate(invalid="ignore"):
        evidence = np.bincount(occurrences.word, weights=occurrences.evidence, minlength=size) / frequency
    table = pd.DataFrame(
        {
            "word": np.array(occurrences.words, dtype=object),
            "mean": mean,
            "low": mean - half,
            "high": mean + half,
            "evidence": evidence,
            "occurrences": frequency,
            "reviews": reviews,
            "total": mean * frequency,
            "known": occurrences.known,
        }
    )
    table = table[table["reviews"] >= min_reviews]
    order = np.lexsort((table["word"].to_numpy(str), -table["mean"].abs().to_numpy()))
    return table.iloc[order].reset_index(drop=True)


def words_of_mistakes(
    learner: TextLearner,
    texts: Sequence[str],
    labels: Sequence[int],
    predicted: Sequence[int],
    method: str | None = None,
    layer: str | None = None,
    min_mistakes: int = 2,
    report: Report = silent,
) -> pd.DataFrame:
    """Rank words by what they add, over all mistakes, to the predicted class rather than the true one.

    labels, predicted : (R,) class numbers; only reviews where they differ are read.

    Returns
    -------
    One row a word that stands in at least `min_mistakes` misread reviews: word; push (sum over the mistakes of
    its contribution to the score of the predicted class minus that of the true one: positive where it drove
    them); mean, low, high (per mistake that has it, with Student's t 95 % interval); mistakes (how many have
    it); decisive (in how many the margin is no larger than what it gives there: for the exact CAM, those that
    would have come out right had it given nothing); occurrences. Strongest push first; empty without mistakes.
    """
    columns = ["word", "push", "mean", "low", "high", "mistakes", "decisive", "occurrences"]
    truth, prediction = np.asarray(labels, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    wrong = np.flatnonzero(truth != prediction)
    if not len(wrong):
        return pd.DataFrame(columns=columns)
    occurrences = collect(
        learner,
        [texts[place] for place in wrong.tolist()],
        (prediction[wrong], truth[wrong]),
        method,
        layer,
        report=report,
    )
    pair, inverse = np.unique(occurrences.word * len(wrong) + occurrences.review, return_inverse=True)
    pushes = np.bincount(inverse, weights=occurrences.contribution, minlength=len(pair))
    word, review = pair // len(wrong), pair % len(wrong)
    size = len(occurrences.words)
    mean, half, mistakes = clustered_half_widths(pushes, np.ones(len(pushes)), word, size)
    decisive = np.bincount(word, weights=(pushes > 0) & (pushes >= occurrences.scores[review]), minlength=size)
    table = pd.DataFrame(
        {
            "word": np.array(occurrences.words, dtype=object),
            "push": mean * mistakes,
            "mean": mean,
            "low": mean - half,
            "high": mean + half,
            "mistakes": mistakes,
            "decisive": decisive.astype(np.int64),
            "occurrences": np.bincount(occurrences.word, minlength=size),
        }
    )
    table = table[table["mistakes"] >= min_mistakes]
    order = np.lexsort((table["word"].to_numpy(str), -table["push"].to_numpy()))
    return table.iloc[order].reset_index(drop=True)
