"""The strongest words of one review, each word's occurrences added up."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.words.spans import Words


def strongest_words(words: Words, values: np.ndarray, count: int = 12) -> pd.DataFrame:
    """Return the `count` words that speak most for a score and the `count` that speak most against it.

    values : (W,), the words' contributions.

    Returns
    -------
    One row a different word (upper and lower case alike, punctuation left out): word, contribution (the sum
    over its occurrences), occurrences; from the strongest for to the strongest against.
    """
    spoken = [place for place, word in enumerate(words.words) if word.spoken]
    table = pd.DataFrame(
        {
            "word": np.array([words.words[place].key for place in spoken], dtype=object),
            "contribution": np.asarray(values, dtype=np.float64)[spoken],
        }
    )
    sums = table.groupby("word", sort=True)["contribution"].agg(["sum", "size"]).reset_index()
    sums.columns = pd.Index(["word", "contribution", "occurrences"])
    sums = sums.sort_values("contribution", ascending=False, kind="stable", ignore_index=True)
    speaking_for = sums[sums["contribution"] > 0].head(count)
    against = sums[sums["contribution"] < 0].tail(count)
    return pd.concat([speaking_for, against], ignore_index=True)
