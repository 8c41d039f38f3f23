"""Deletion and insertion over words: does the prediction hang on the words that were said to carry it?

Petsiuk, Das and Saenko, *RISE*, BMVC 2018, sec. 4.2, with words instead of pixels. Words are taken out (deletion)
or put back into the empty review (insertion), those that speak most for the target first, and the learner predicts
again: a truthful order makes the probability fall fast and rise fast. The same is done in random orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from analysis.explain.errors import ExplainError
from analysis.progress import ProgressEvent, Report, silent
from analysis.words.intervals import mean_interval
from analysis.words.methods import choose, token_values
from analysis.words.network import TextLearner, pad, predict_ids, read, read_start
from analysis.words.spans import Words, join_tokens

STEPS, DRAWS, SEED = 10, 10, 21
_RUN_AT_ONCE = 2048  # shortened reviews, before they are sorted into batches


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
    target: int | tuple[int, int] | None = None,
    method: str | None = None,
    layer: str | None = None,
    steps: int = STEPS,
    draws: int = DRAWS,
    seed: int = SEED,
    report: Report = silent,
) -> list[WordCurves | None]:
    """Return the curves of each review, None for one with fewer than two words.

    target : a class, a pair, or None for each review's predicted class.
    steps : the largest number of steps; each changes about as many words as the others, at least one.
    draws : random orders a review; the same ones for the same seed and place in `texts`.
    report : receives stage "words"; may raise to cancel.

    All tokens of a word go together; those without a place in the text stay. Words of equal contribution go in
    the order of the text. Raises ExplainError where method, layer or target do not fit.
    """
    if steps < 1 or draws < 0:
        raise ExplainError(f"there has to be a step at least, and no negative number of draws: {steps}, {draws}")
    method, layer = choose(learner.model, method, layer)
    found: list[WordCurves | None] = []
    waiting: list[_Plan | None] = []
    sequences: list[np.ndarray] = []
    for place, text in enumerate(texts):
        report(ProgressEvent("words", f"Striking words out of review {place} of {len(texts)}", place / len(texts)))
        plan, variants = _plan(learner, text, target, method, layer, steps, draws, seed + place)
        waiting.append(plan)
        sequences += variants
        if len(sequences) >= _RUN_AT_ONCE or place == len(texts) - 1:
            found += _predicted(learner, waiting, sequences)
            waiting, sequences = [], []
    return found


def curve_areas(curves: Sequence[WordCurves | None]) -> pd.DataFrame:
    """Return one row a review that has curves: "review" (its place), the areas "deletion" and "insertion", their
    means over the random orders "random_deletion" and "random_insertion", and the two gains over random order,
    "deletion_gain" (random minus deletion) and "insertion_gain" (insertion minus random): positive is better."""
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
    """Return one row a column of `curve_areas`: "area", "mean", "low", "high" (Student's t, 95 %, over reviews),
    "reviews" and "share_better" (of the gains, the share of reviews above 0; nan for the others)."""
    rows = []
    for name in [column for column in areas.columns if column != "review"]:
        values = areas[name].to_numpy(float)
        mean, low, high = mean_interval(values)
        better = float((values > 0).mean()) if name.endswith("_gain") and len(values) else np.nan
        rows.append((name, mean, low, high, len(values), better))
    return pd.DataFrame(rows, columns=["area", "mean", "low", "high", "reviews", "share_better"])


@dataclass(frozen=True)
class _Plan:
    """What to make of a review's predictions: its target and the shape of its curves."""

    target: int
    against: int | None
    counts: np.ndarray
    orders: int


def _plan(
    learner: TextLearner,
    text: str,
    target: int | tuple[int, int] | None,
    method: str,
    layer: str,
    steps: int,
    draws: int,
    seed: int,
) -> tuple[_Plan | None, list[np.ndarray]]:
    """Return what to do with a review, and its ids with words left out: deleted, inserted, and deleted in each
    random order, each at all points."""
    encoding = read_start(learner, text)
    words = join_tokens(text, encoding.tokens)
    if len(words) < 2:
        return None, []
    reading = read(learner.model, pad([encoding.ids], learner.device), target, [layer], gradients=method != "cam")
    values = token_values(learner.model, reading, method, layer)[0, : len(encoding.ids)].double().cpu().numpy()
    counts = _counts(len(words), steps)
    random = np.random.default_rng(seed)
    orders = [np.argsort(-words.sums(values), kind="stable")]
    orders += [random.permutation(len(words)) for _ in range(draws)]
    variants = []
    for order in orders:
        rank = np.empty(len(words), dtype=np.int64)
        rank[order] = np.arange(len(words))
        variants += [_kept(encoding.ids, words, rank >= count) for count in counts]
        if len(variants) == len(counts):
            variants += [_kept(encoding.ids, words, rank < count) for count in counts]
    against = None if reading.against is None else int(reading.against[0])
    return _Plan(int(reading.targets[0]), against, counts, len(orders)), variants


def _counts(words: int, steps: int) -> np.ndarray:
    """Return numbers of words to change, 0 to all of them, evenly: as far from the end as from the beginning."""
    for parts in range(min(steps, words), 0, -1):
        counts = np.linspace(0, words, parts + 1).round().astype(np.int64)
        if (counts == words - counts[::-1]).all():
            break
    return counts


def _kept(ids: np.ndarray, words: Words, keep: np.ndarray) -> np.ndarray:
    """Return the ids (L',) of the words to keep (W,) bool, and of the tokens that belong to none."""
    return ids[np.append(keep, True)[words.owner]]  # owner -1 finds the True at the end


def _predicted(
    learner: TextLearner, plans: Sequence[_Plan | None], sequences: Sequence[np.ndarray]
) -> list[WordCurves | None]:
    if not sequences:
        return [None for _ in plans]
    logits = predict_ids(learner, sequences).double()
    found: list[WordCurves | None] = []
    start = 0
    for plan in plans:
        if plan is None:
            found.append(None)
            continue
        points = len(plan.counts)
        part = logits[start : start + (plan.orders + 1) * points]
        start += len(part)
        curves = _probability(part, plan).reshape(plan.orders + 1, points)
        # What is left after deleting the first words of an order is what inserting the last ones brings back, and
        # a random order read from its end is a random order: its insertion curve costs nothing.
        fractions = plan.counts / plan.counts[-1]
        found.append(WordCurves(fractions, curves[0], curves[1], curves[2:], curves[2:, ::-1]))
    return found


def _probability(logits: torch.Tensor, plan: _Plan) -> np.ndarray:
    """(N,): the softmax's share of the target, among the two classes alone for a contrast."""
    if plan.against is None:
        return logits.softmax(dim=1)[:, plan.target].numpy()
    return (logits[:, plan.target] - logits[:, plan.against]).sigmoid().numpy()
