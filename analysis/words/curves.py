"""Deletion and insertion over words: does the prediction depend on the words with the strongest contributions?

Petsiuk, Das and Saenko, *RISE*, BMVC 2018, sec. 4.2, with words instead of pixels. Words are deleted, or
inserted into the empty review, in the order of their contributions, the largest first, and the learner predicts
again: if the contributions are right, the probability falls fast and rises fast. The same is done in random
orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from analysis.explain.engine.targets import Target
from analysis.explain.errors import ExplainError
from analysis.progress import Report, silent
from analysis.sweep import sweep
from analysis.words.intervals import mean_interval
from analysis.words.methods import Method
from analysis.words.network import Encoding, TextLearner, predict_ids, read_start
from analysis.words.spans import Words, join_tokens
from analysis.words.token_values import choose, token_values

STEPS, DRAWS, SEED = 10, 10, 21
_RUN_AT_ONCE = 2048  # shortened reviews, before they are sorted into batches
_CURVE = pa.list_(pa.float64())
_CURVES = pa.schema({"fractions": _CURVE, "deletion": _CURVE, "insertion": _CURVE, "random": pa.list_(_CURVE)})


@dataclass(frozen=True)
class WordCurves:
    """One review's curves; S + 1 points, the first with no word changed, the last with all.

    Attributes
    ----------
    fractions : (S + 1,), share of the words deleted or inserted.
    deletion, insertion : (S + 1,), the target's probability; for a pair (a, b) that of a among the two.
    random_deletion, random_insertion : (D, S + 1), the same in D random orders.
    deletion_area, insertion_area : areas under the curves, 0..1; small deletion, large insertion are good.
    random_deletion_areas, random_insertion_areas : (D,).
    """

    fractions: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    random_deletion: np.ndarray
    random_insertion: np.ndarray

    @property
    def deletion_area(self) -> float:
        """Return the area under the deletion curve."""
        return float(area(self.fractions, self.deletion))

    @property
    def insertion_area(self) -> float:
        """Return the area under the insertion curve."""
        return float(area(self.fractions, self.insertion))

    @property
    def random_deletion_areas(self) -> np.ndarray:
        """Return the areas under the random deletion curves (D,)."""
        return area(self.fractions, self.random_deletion)

    @property
    def random_insertion_areas(self) -> np.ndarray:
        """Return the areas under the random insertion curves (D,)."""
        return area(self.fractions, self.random_insertion)


def area(fractions: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Return the area under curves (..., S + 1) by the trapezium rule, over fractions that rise from 0 to 1."""
    return np.asarray(np.trapezoid(curve, fractions, axis=-1))


def word_curves(
    learner: TextLearner,
    texts: Sequence[str],
    target: Target | None = None,
    method: str | None = None,
    layer: str | None = None,
    steps: int = STEPS,
    draws: int = DRAWS,
    seed: int = SEED,
    report: Report = silent,
) -> list[WordCurves | None]:
    """Return the curves of each review, None for one with fewer than two words.

    All tokens of a word are deleted together; those without a place in the text stay. Words of equal contribution
    are deleted in the order of the text.

    Parameters
    ----------
    target : a class, a pair, or None for each review's predicted class.
    method, layer : what `token_values.choose` allows.
    steps : the largest number of changes, each of about the same number of words; a short review has fewer.
    draws : the number of random orders of each review.
    seed : of the random orders; they also depend on the place of the review in `texts`.
    report : receives stage "words"; raise from it to stop.

    Raises
    ------
    ExplainError : method, layer or target do not fit.
    """
    if steps < 1 or draws < 0:
        raise ExplainError(f"steps is {steps} and draws is {draws}; give at least 1 step and 0 draws")
    chosen, layer = choose(learner.model, method, layer)
    reviews = [_split(learner, text, steps, seed + place) for place, text in enumerate(texts)]

    def change(batch: Sequence[_Review]) -> pa.Table:
        plans = [_plan(learner, review, target, chosen, layer, draws) for review in batch]
        return _predicted(learner, plans)

    message = "Leaving words out of review {done} of {total}"
    batches = _batches(reviews, draws + 2)
    table = sweep(reviews, change, batches=batches, report=report, stage="words", message=message).table()
    return [_of_row(row) for row in table.to_pylist()]


def curve_areas(curves: Sequence[WordCurves | None]) -> pd.DataFrame:
    """Return the areas under the curves, one row for each review that has curves.

    Columns: review (its position), deletion, insertion (areas), random_deletion, random_insertion (mean areas of
    the random orders), deletion_gain (random minus deletion) and insertion_gain (insertion minus random); a
    positive gain is better than random order.
    """
    rows = [
        {
            "review": place,
            "deletion": one.deletion_area,
            "insertion": one.insertion_area,
            "random_deletion": float(np.mean(one.random_deletion_areas)),
            "random_insertion": float(np.mean(one.random_insertion_areas)),
        }
        for place, one in enumerate(curves)
        if one is not None and len(one.random_deletion)
    ]
    table = pd.DataFrame(rows, columns=["review", "deletion", "insertion", "random_deletion", "random_insertion"])
    table["deletion_gain"] = table["random_deletion"] - table["deletion"]
    table["insertion_gain"] = table["insertion"] - table["random_insertion"]
    return table


def curve_summary(areas: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each column of `curve_areas`.

    Columns: area (its name), mean, low, high (95 % interval of the mean over reviews, Student's t), reviews (their
    number) and share_better (for a gain the share of reviews above 0, else nan).
    """
    rows = []
    for name in [column for column in areas.columns if column != "review"]:
        values = areas[name].to_numpy(float)
        mean, low, high = mean_interval(values)
        better = float((values > 0).mean()) if name.endswith("_gain") and len(values) else np.nan
        rows.append((name, mean, low, high, len(values), better))
    return pd.DataFrame(rows, columns=["area", "mean", "low", "high", "reviews", "share_better"])


@dataclass(frozen=True)
class _Review:
    """One review to read.

    Attributes
    ----------
    encoding, words : its text as the learner reads it, and as a person does.
    counts : (S + 1,), how many words are changed at each point of a curve; empty for fewer than two words.
    seed : of its random orders.
    """

    encoding: Encoding
    words: Words
    counts: np.ndarray
    seed: int


@dataclass(frozen=True)
class _Plan:
    """How a review's predictions become curves.

    Attributes
    ----------
    target : a class or a pair.
    counts : (S + 1,), as of its review.
    variants : the ids to predict, at all points of each curve: the deletion, the insertion, and the deletion in
        each random order.
    """

    target: Target
    counts: np.ndarray
    variants: list[np.ndarray]


def _split(learner: TextLearner, text: str, steps: int, seed: int) -> _Review:
    encoding = read_start(learner, text)
    words = join_tokens(text, encoding.tokens)
    counts = _counts(len(words), steps) if len(words) >= 2 else np.empty(0, dtype=np.int64)
    return _Review(encoding, words, counts, seed)


def _batches(reviews: Sequence[_Review], curves: int) -> list[np.ndarray]:
    """Return batches of consecutive reviews with at least `_RUN_AT_ONCE` variants to predict, but for the last."""
    batches, start, variants = [], 0, 0
    for place, review in enumerate(reviews):
        variants += curves * len(review.counts)
        if variants >= _RUN_AT_ONCE or place == len(reviews) - 1:
            batches.append(np.arange(start, place + 1))
            start, variants = place + 1, 0
    return batches


def _plan(
    learner: TextLearner, review: _Review, target: Target | None, method: Method, layer: str, draws: int
) -> _Plan | None:
    """Return how a review's predictions become curves; None for a review of fewer than two words."""
    ids, words, counts = review.encoding.ids, review.words, review.counts
    if not len(counts):
        return None
    reading, (values,) = token_values(learner, [ids], target, method, layer)
    random = np.random.default_rng(review.seed)
    orders = [np.argsort(-words.sums(values), kind="stable")]
    orders += [random.permutation(len(words)) for _ in range(draws)]
    variants = []
    for order in orders:
        rank = np.empty(len(words), dtype=np.int64)
        rank[order] = np.arange(len(words))
        variants += [_remaining(ids, words, rank >= count) for count in counts]
        if len(variants) == len(counts):
            variants += [_remaining(ids, words, rank < count) for count in counts]
    return _Plan(reading.target(), counts, variants)


def _counts(words: int, steps: int) -> np.ndarray:
    """Return numbers of words to change, from 0 to all, in nearly equal steps, symmetric about the middle."""
    for parts in range(min(steps, words), 0, -1):
        counts = np.linspace(0, words, parts + 1).round().astype(np.int64)
        if (counts == words - counts[::-1]).all():
            break
    return counts


def _remaining(ids: np.ndarray, words: Words, keep: np.ndarray) -> np.ndarray:
    """Return the ids (L',) of the words to keep (W,) bool, and of the tokens that belong to none."""
    return ids[np.append(keep, True)[words.owner]]  # owner -1 is the True at the end


def _predicted(learner: TextLearner, plans: Sequence[_Plan | None]) -> pa.Table:
    """Return one row of curves for each plan, empty where there is no plan."""
    sequences = [ids for plan in plans if plan is not None for ids in plan.variants]
    logits = predict_ids(learner, sequences).double() if sequences else torch.empty(0)
    rows: list[dict[str, Any]] = []
    start = 0
    for plan in plans:
        if plan is None:
            rows.append({})
            continue
        part = logits[start : start + len(plan.variants)]
        start += len(part)
        deletion, insertion, *random = _probability(part, plan.target).reshape(-1, len(plan.counts))
        fractions = plan.counts / plan.counts[-1]
        rows.append({"fractions": fractions, "deletion": deletion, "insertion": insertion, "random": random})
    return pa.Table.from_pylist(rows, _CURVES)


def _of_row(row: dict[str, Any]) -> WordCurves | None:
    """Return the curves in a row of `_predicted`."""
    if row["fractions"] is None:
        return None
    fractions, deletion, insertion = (np.array(row[name]) for name in ("fractions", "deletion", "insertion"))
    random = np.array(row["random"]).reshape(-1, len(fractions))
    # What is left after deleting the first words of an order is what inserting the last ones brings back, and
    # a random order read from its end is a random order: its insertion curve costs nothing.
    return WordCurves(fractions, deletion, insertion, random, random[:, ::-1])


def _probability(logits: torch.Tensor, target: Target) -> np.ndarray:
    """Return the probability of the target (N,); for a contrast, among its two classes alone."""
    if isinstance(target, int):
        return logits.softmax(dim=1)[:, target].numpy()
    return (logits[:, target[0]] - logits[:, target[1]]).sigmoid().numpy()
