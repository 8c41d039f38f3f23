"""The class score of every location, step by step, and the proof that the scores average to the logit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from analysis.chapter.execution import Execution, attempt, source_of
from analysis.chapter.subject import Subject
from analysis.explain.errors import HeadError
from analysis.explain.head import LinearHead, book_head, exact_head
from analysis.explain.trace import capture


@dataclass(frozen=True)
class ScoreMaps:
    """The score map of every class at the layer that the head reads.

    Attributes
    ----------
    layer : the layer's name.
    kind : "exact", "book" (an approximation) or "none" (maps, means and bias are empty then).
    head : (name, kind) of the modules between the layer and the logits.
    weight_shape, activation_shape : (K, C) and (C, h, w).
    maps : (K, h, w) float32, the score of every location for every class.
    means, bias, logits : (K,) float32; mean + bias should be the logit.
    unfolded_difference : the book's own line uses the last Linear's weights without folding in the BatchNorm: the
        largest distance of its means (without a bias) from the logits, or PyTorch's error.
    reason : why the head is not "exact"; empty where it is.
    """

    layer: str
    kind: str
    head: tuple[tuple[str, str], ...]
    weight_shape: tuple[int, ...]
    activation_shape: tuple[int, ...]
    maps: np.ndarray
    means: np.ndarray
    bias: np.ndarray
    logits: np.ndarray
    unfolded_difference: Execution[float]
    reason: str = ""

    @property
    def residual(self) -> np.ndarray:
        """(K,): mean + bias - logit."""
        return self.means + self.bias - self.logits


@dataclass(frozen=True)
class LocationScore:
    """One location's score as a sum over channels.

    Attributes
    ----------
    row, column : the location, counted from 0.
    score, loop_score : the einsum's score and that of a loop over the channels.
    terms : (channel, weight, activation, product) of the channels with the largest products.
    """

    row: int
    column: int
    score: float
    loop_score: float
    terms: tuple[tuple[int, float, float, float], ...]


def class_scores(weight: Tensor, activation: Tensor) -> Tensor:
    """Score every location for every class: sum over the channels k of weight[c, k] · activation[k, i, j]."""
    return torch.einsum("ck,kij->cij", weight, activation)


def location_score(weight: Tensor, activation: Tensor, row: int, column: int) -> float:
    """Add up one class's score at one location, channel by channel, as einsum does."""
    score = 0.0
    for channel in range(len(weight)):
        score += float(weight[channel]) * float(activation[channel, row, column])
    return score


def score_maps(subject: Subject, cls: int) -> tuple[Execution[ScoreMaps], Execution[LocationScore] | None]:
    """Answer questions 2 and 7.

    Returns
    -------
    The scores of all classes, and the strongest location of class `cls`, added up channel by channel; None where
    the network has no class weights for the layer's channels.
    """
    source = source_of(class_scores)
    record = capture(subject.network, subject.x, [subject.body], gradients=False)
    activation = record.activations[subject.body]
    calls = tuple((call.name, type(call.module).__name__) for call in record.calls_after[subject.body])
    linears = [c.module for c in record.calls_after[subject.body] if isinstance(c.module, nn.Linear)]
    unfolded = attempt(_largest_difference, linears[-1].weight.detach(), activation[0], record.logits[0])
    logits = _numpy(record.logits[0])
    head: LinearHead | None = None
    reason = ""
    try:
        head = exact_head(record, subject.body)
    except HeadError as not_exact:
        try:
            head, reason = book_head(record, subject.body), str(not_exact)
        except HeadError as not_book:
            reason = str(not_book)
    if head is None:
        empty = np.zeros(0, np.float32)
        without_maps = ScoreMaps(
            layer=subject.body,
            kind="none",
            head=calls,
            weight_shape=tuple(linears[-1].weight.shape),
            activation_shape=tuple(activation.shape[1:]),
            maps=empty,
            means=empty,
            bias=empty,
            logits=logits,
            unfolded_difference=unfolded,
            reason=reason,
        )
        return Execution(source, without_maps), None
    features = head.activation(activation)[0]
    maps = class_scores(head.weight, features)
    scores = ScoreMaps(
        layer=subject.body,
        kind=head.kind,
        head=calls,
        weight_shape=tuple(head.weight.shape),
        activation_shape=tuple(features.shape),
        maps=_numpy(maps),
        means=_numpy(maps.mean(dim=(1, 2))),
        bias=_numpy(head.bias),
        logits=logits,
        unfolded_difference=unfolded,
        reason=reason,
    )
    return Execution(source, scores), _strongest_location(head.weight[cls], features, maps[cls])


def _largest_difference(weight: Tensor, activation: Tensor, logits: Tensor) -> float:
    """Return the largest distance between the means of the maps and the logits."""
    return float((class_scores(weight, activation).mean(dim=(1, 2)) - logits).abs().max())


def _strongest_location(weight: Tensor, activation: Tensor, scores: Tensor) -> Execution[LocationScore]:
    row, column = divmod(int(scores.argmax()), scores.shape[1])
    products = weight * activation[:, row, column]
    strongest = products.abs().argsort(descending=True)[:5].tolist()
    terms = tuple(
        (channel, float(weight[channel]), float(activation[channel, row, column]), float(products[channel]))
        for channel in strongest
    )
    loop_score = location_score(weight, activation, row, column)
    location = LocationScore(row, column, float(scores[row, column]), loop_score, terms)
    return Execution(source_of(location_score), location)


def _numpy(values: Tensor) -> np.ndarray:
    return values.detach().float().cpu().numpy()
