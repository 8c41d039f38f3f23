"""Words of a whole validation set, ranked by their mean contribution, and words that lead to mistakes."""

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
"""What the columns `low` and `high` mean, as a sentence for a page."""


def rank_words(occurrences: Occurrences, min_reviews: int = 10) -> pd.DataFrame:
    """Rank words by the size of their mean contribution, strongest first.

    Parameters
    ----------
    min_reviews : words in fewer reviews are left out; at least 2, since an interval needs two

    Returns
    -------
    One row for each word: word; mean, low, high (mean contribution of an occurrence in logits, with the interval
    that `INTERVAL` describes); evidence (mean of contribution times the review's length in tokens, so that it does
    not depend on the length); occurrences, reviews; total (sum of the contributions); known (whether the
    vocabulary has it). Words of equal mean stand in alphabetical order.

    Raises
    ------
    ExplainError : `min_reviews` is below 2
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

    Parameters
    ----------
    labels, predicted : (R,) class numbers; only reviews where they differ are read
    method, layer : what `token_values.choose` allows
    min_mistakes : words in fewer wrongly predicted reviews are left out
    report : receives stage "words"; raise from it to stop

    Returns
    -------
    One row for each word: word; push (sum over the mistakes of its contribution to the score of the predicted
    class minus that of the true one: positive where the word led to the mistake); mean, low, high (of a mistake
    with this word, and the 95 % interval of the mean, Student's t); mistakes (number of those with this word);
    decisive (in how many of them its contribution is as large as the margin or larger: by the exact CAM, without
    its contribution the prediction would be right); occurrences. Largest push first; empty without mistakes.
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
