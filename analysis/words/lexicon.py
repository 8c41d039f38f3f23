"""A lexicon of human ratings of words, and the words where a learner disagrees with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
import pandas as pd

from analysis.errors import CamLensError
from analysis.explain.measures.agreement import rank_correlation
from analysis.words.intervals import rank_correlation_interval, share_interval

_PACKAGE, _FILE = "vaderSentiment", "vader_lexicon.txt"


class LexiconError(CamLensError, RuntimeError):
    """A lexicon is not installed or cannot be read."""


@dataclass(frozen=True)
class Lexicon:
    """Words in lower case, and how good or bad people rate them; 0 is neutral."""

    name: str
    valence: Mapping[str, float]


@lru_cache(maxsize=1)
def vader() -> Lexicon:
    """Return VADER's lexicon: the mean of ten raters from -4 (most negative) to 4 (most positive).

    Hutto and Gilbert, *VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text*,
    ICWSM 2014; MIT licence. Only its text file is read: none of the package's code runs. Of spellings that
    differ in case ("LOL", "lol") the lower one counts. Raises LexiconError where the package is missing.
    """
    try:
        text = (resources.files(_PACKAGE) / _FILE).read_text(encoding="utf-8")
    except (ModuleNotFoundError, OSError) as error:
        raise LexiconError(
            f"VADER's lexicon cannot be read ({error}). Install it: pip install {_PACKAGE}"
        ) from error
    return Lexicon("VADER", _parse(text))


def _parse(text: str) -> dict[str, float]:
    """Read lines of word, mean rating, standard deviation and ratings, separated by tabs."""
    valence: dict[str, float] = {}
    for line in text.splitlines():
        word, _, rest = line.partition("\t")
        if rest and (word == word.lower() or word.lower() not in valence):
            valence[word.lower()] = float(rest.split("\t", 1)[0])
    return valence


@dataclass(frozen=True)
class LexiconAgreement:
    """How far a ranking of words agrees with a lexicon, over the `words` that both have.

    Attributes
    ----------
    lexicon : its name.
    words, occurrences : how many words both know, and how often these occur.
    ranked : how many words the ranking has, in the lexicon or not.
    rank_correlation, rank_low, rank_high : Spearman's correlation of mean contribution and valence over the
        words, with a 95 % interval (Fisher's z, Bonett and Wright); nan where it is not defined.
    signs : how many words count for the sign accuracy: those whose mean contribution is not 0.
    sign_accuracy, sign_low, sign_high : share of those whose sign is the lexicon's, with Wilson's 95 % interval.
    sign_accuracy_by_occurrence : the same share, each word counted as often as it occurs.
    chance : the sign accuracy of always saying the lexicon's more frequent sign.
    """

    lexicon: str
    words: int
    occurrences: int
    ranked: int
    rank_correlation: float
    rank_low: float
    rank_high: float
    signs: int
    sign_accuracy: float
    sign_low: float
    sign_high: float
    sign_accuracy_by_occurrence: float
    chance: float


def with_valence(ranking: pd.DataFrame, lexicon: Lexicon) -> pd.DataFrame:
    """Return the known words of a ranking that a lexicon rates, with its column "valence"."""
    rated = ranking.assign(valence=ranking["word"].map(lexicon.valence))
    return rated[rated["valence"].notna() & (rated["valence"] != 0) & rated["known"]].reset_index(drop=True)


def lexicon_agreement(ranking: pd.DataFrame, lexicon: Lexicon) -> LexiconAgreement:
    """Compare a ranking (`rank_words`, of "positive rather than negative") with a lexicon."""
    both = with_valence(ranking, lexicon)
    mean, valence = both["mean"].to_numpy(float), both["valence"].to_numpy(float)
    weight = both["occurrences"].to_numpy(float)
    correlation = rank_correlation(mean, valence) if len(both) > 1 else math.nan
    rank_low, rank_high = rank_correlation_interval(correlation, len(both))
    signed = mean != 0
    right = np.sign(mean) == np.sign(valence)  # no valence is 0
    signs, hits = int(signed.sum()), int(right.sum())
    low, high = share_interval(hits, signs)
    positive = int((valence[signed] > 0).sum())
    return LexiconAgreement(
        lexicon=lexicon.name,
        words=len(both),
        occurrences=int(weight.sum()),
        ranked=len(ranking),
        rank_correlation=correlation,
        rank_low=rank_low,
        rank_high=rank_high,
        signs=signs,
        sign_accuracy=hits / signs if signs else math.nan,
        sign_low=low,
        sign_high=high,
        sign_accuracy_by_occurrence=float(weight[right].sum() / weight[signed].sum()) if signs else math.nan,
        chance=max(positive, signs - positive) / signs if signs else math.nan,
    )


def sure_words(ranking: pd.DataFrame) -> pd.DataFrame:
    """Return the words of a ranking whose interval does not contain 0: their side is not by chance."""
    return ranking[(ranking["low"] > 0) | (ranking["high"] < 0)].reset_index(drop=True)


def disagreements(ranking: pd.DataFrame, lexicon: Lexicon) -> pd.DataFrame:
    """Return the words where learner and lexicon have different signs and the interval does not contain 0.

    The ranking's columns and "valence"; strongest disagreement first: by the product of the two sizes.
    """
    both = with_valence(sure_words(ranking), lexicon)
    opposed = both[np.sign(both["mean"]) != np.sign(both["valence"])]
    order = np.argsort(-(opposed["mean"] * opposed["valence"]).abs().to_numpy(), kind="stable")
    return opposed.iloc[order].reset_index(drop=True)
