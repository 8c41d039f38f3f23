"""The tables that the command line prints: a run's ranked words, and one review's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.explain.engine.targets import Target
from analysis.explain.errors import UnknownNameError, closest
from analysis.words.lexicon import Lexicon, LexiconAgreement, LexiconError, lexicon_agreement, sure_words, vader
from analysis.words.report import Contributions, WordsMap, WordsReport

_RANKED = ("word", "mean", "low", "high", "evidence", "occurrences", "reviews")


def ranked_table(ranking: pd.DataFrame, lexicon: Lexicon | None = None) -> pd.DataFrame:
    """Return a ranking (`rank_words`) as it is printed: its numbers, and "valence" where there is a lexicon."""
    table = ranking[list(_RANKED)].copy()
    if lexicon is not None:
        table["valence"] = ranking["word"].map(lexicon.valence)
    return table


def review_table(report: WordsReport, contributions: Contributions | None = None) -> pd.DataFrame:
    """Return the words of one review in their order: word, start, contribution, share, unknown.

    `contributions` defaults to the report's best; `share` is a contribution's part of the sum of all sizes.
    """
    values = (contributions or report.best).words
    total = np.abs(values).sum()
    return pd.DataFrame(
        {
            "word": [word.text for word in report.words.words],
            "start": [word.start for word in report.words.words],
            "contribution": values,
            "share": np.abs(values) / total if total > 0 else np.zeros(len(values)),
            "unknown": report.unknown,
        }
    )


def review_summary(report: WordsReport, shown: WordsMap | None = None) -> str:
    """Return a few lines: what is predicted, what is explained, and what the contributions add up to.

    `shown` is a map with contributions, by default the report's best.
    """
    shown = shown or report.best_map
    contributions, certificate = shown.contributions or report.best, shown.certificate
    chances = ", ".join(
        f"{name} {p:.1%}" for name, p in zip(report.class_names, report.probabilities, strict=True)
    )
    lines = [f"Predicted: {chances}", f"Explained: {report.target_label}, score {report.score:+.4f}"]
    if certificate is not None:
        lines.append(
            f"Words {contributions.words.sum() + contributions.unplaced:+.4f} and bias {report.bias:+.4f} make "
            f"{certificate.mean_plus_bias:+.4f}; off the score by {certificate.residual:.1e}"
        )
    else:
        lines.append(f"The words add up to {contributions.words.sum():+.4f}, an estimate: not the score")
    return "\n".join([*lines, *report.notes])


def agreement_sentence(both: LexiconAgreement) -> str:
    """Return a sentence on how far a ranking agrees with a lexicon, with its intervals."""
    if not both.words:
        return f"None of the {both.ranked} ranked words is in the {both.lexicon} lexicon."
    return (
        f"{both.words} of {both.ranked} ranked words are in the {both.lexicon} lexicon: rank correlation "
        f"{both.rank_correlation:.2f} ({both.rank_low:.2f} to {both.rank_high:.2f}), same sign "
        f"{both.sign_accuracy:.0%} ({both.sign_low:.0%} to {both.sign_high:.0%}; {both.chance:.0%} by always "
        f"saying the commoner sign), by occurrence {both.sign_accuracy_by_occurrence:.0%}."
    )


def compared_with_vader(ranking: pd.DataFrame) -> tuple[Lexicon | None, str]:
    """Return VADER's lexicon and how the ranking agrees with it; None and the reason where it is missing."""
    try:
        lexicon = vader()
    except LexiconError as error:
        return None, str(error)
    every = agreement_sentence(lexicon_agreement(ranking, lexicon))
    sure = agreement_sentence(lexicon_agreement(sure_words(ranking), lexicon))
    return lexicon, f"{every}\nOf those whose interval does not contain 0: {sure}"


def chosen_target(target: str | None, against: str | None, class_names: Sequence[str]) -> Target | None:
    """Return the class or the pair that two names mean, None where none was given.

    Raises UnknownNameError for a name that is no class.
    """
    if target is None:
        return None
    first = _class_number(target, class_names)
    return first if against is None else (first, _class_number(against, class_names))


def _class_number(name: str, class_names: Sequence[str]) -> int:
    if name not in class_names:
        raise UnknownNameError(
            f"there is no class {name!r}; the classes are {', '.join(class_names)}.{closest(name, class_names)}"
        )
    return list(class_names).index(name)
