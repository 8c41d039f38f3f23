"""Everything the words page and the command line show for one review."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.explain.engine.targets import Target, target_label
from analysis.explain.errors import ExplainError
from analysis.explain.head import Certificate
from analysis.explain.measures.agreement import correlation, rank_correlation
from analysis.explain.probe import Probe
from analysis.learner.words.batches import padded
from analysis.words.methods import METHODS, Method
from analysis.words.network import EMBEDDING, Reading, TextLearner, is_convolutional, layer_names, read
from analysis.words.spans import Words, join_tokens
from analysis.words.token_values import known_method


@dataclass(frozen=True)
class Contributions:
    """What each token and each word gives to the explained score, signed, in logits.

    `tokens` is (L,) and `words` (W,), float64; `unplaced` is what the tokens without a place in the text give,
    so that tokens.sum() == words.sum() + unplaced. Only an exact CAM adds up to the score (less its bias).
    """

    tokens: np.ndarray
    words: np.ndarray
    unplaced: float


@dataclass(frozen=True)
class WordsMap:
    """What one method says of the words at one layer: contributions, or None with the reason in `note`.

    `kind` says which class weights a method uses that needs some: "exact" (the network's own), "probe" (of a
    linear probe on this layer, in the probe's logits) or "none"; it is "" for every other method. `certificate`
    is the proof of an exact one.
    """

    title: str
    contributions: Contributions | None
    note: str = ""
    kind: str = ""
    certificate: Certificate | None = None


@dataclass(frozen=True)
class WordAgreement:
    """Pearson's and Spearman's correlation of two methods over the words; nan where one of them is constant."""

    correlation: float
    rank_correlation: float


@dataclass(frozen=True)
class WordsRow:
    """One layer of one review.

    `maps` holds one entry a method, in the order of the registry; `agreement` compares each method with the first
    one, where both have contributions. `window` is the number of tokens, this one in their middle, that a value at
    this layer has seen; None where it is all those before it.
    """

    layer: str
    channels: int
    label: str
    window: int | None
    maps: dict[str, WordsMap]
    agreement: dict[str, WordAgreement]

    @property
    def best(self) -> str:
        """Return the most truthful method: the first one that explains the network itself, and no probe of it."""
        return next(
            name for name, one in self.maps.items() if one.contributions is not None and one.kind != "probe"
        )

    def by_method(self, name: str) -> WordsMap:
        """Return what a method says; raises UnknownNameError for one that does not exist."""
        return self.maps[known_method(name).name]

    def same_as(self, name: str) -> tuple[str, ...]:
        """Return the other methods that say the same of every word as one does, up to the rounding of float32."""
        base = self.maps[name].contributions
        same = []
        for other, one in self.maps.items():
            if other == name or base is None or one.contributions is None:
                continue
            allowed = 1e-4 * np.abs(base.words).max(initial=0.0)
            if np.abs(one.contributions.words - base.words).max(initial=0.0) <= allowed:
                same.append(other)
        return tuple(same)


@dataclass(frozen=True)
class WordsReport:
    """One review through the layers of a text network, in forward order.

    `words` are those of the text that the network read; `unknown` (W,) bool marks words none of whose tokens
    the vocabulary has. `logits` and `probabilities` are float64 (K,). `target` is a class or a pair (a, b): score
    of a minus score of b; `bias` is the head's for that score, None where the head is not linear. `left_out` is
    the number of tokens at the end that the network did not see. `notes` say what a reader has to know.
    """

    words: Words
    unknown: np.ndarray
    class_names: tuple[str, ...]
    logits: np.ndarray
    probabilities: np.ndarray
    target: Target
    target_label: str
    score: float
    bias: float | None
    left_out: int
    rows: tuple[WordsRow, ...]
    notes: tuple[str, ...] = ()

    @property
    def best_map(self) -> WordsMap:
        """Return what the most truthful method says at the last layer."""
        last = self.rows[-1]
        return last.maps[last.best]

    @property
    def best(self) -> Contributions:
        """Return the contributions of `best_map`."""
        contributions = self.best_map.contributions
        assert contributions is not None  # of which `WordsRow.best` makes sure
        return contributions


def words_report(
    learner: TextLearner,
    text: str,
    class_names: Sequence[str],
    target: Target | None = None,
    probes: Mapping[str, Probe] | None = None,
    layers: Sequence[str] | None = None,
) -> WordsReport:
    """Explain one review at every layer, by every method.

    `target` is a class, a pair (a, b) for "why a rather than b", or None for the predicted class. `probes` are
    by layer name; `layers` defaults to all. Any string will do: one without a word has no contributions, and
    says so. Raises ExplainError where the target, a layer or the class names do not fit.
    """
    encoding = learner.view(text)
    reading = read(learner.model, padded([encoding.ids], learner.device), target, layers, probes=probes)
    classes = reading.logits.shape[1]
    if len(class_names) != classes:
        raise ExplainError(f"{len(class_names)} class names were given, but the network has {classes} classes")
    words = join_tokens(text, encoding.tokens)
    logits = reading.logits[0].double().cpu()
    own = next((weights for weights in reading.class_weights.values() if weights.kind == "exact"), None)
    return WordsReport(
        words=words,
        unknown=~words.known(encoding.ids),
        class_names=tuple(class_names),
        logits=logits.numpy(),
        probabilities=logits.softmax(dim=0).numpy(),
        target=reading.target(),
        target_label=target_label(reading.target(), class_names),
        score=float(reading.scores()[0]),
        bias=None if own is None else float(reading.score.of_class(own.bias)[0]),
        left_out=encoding.left_out,
        rows=tuple(_row(learner.model, reading, layer, words) for layer in reading.activations),
        notes=_notes(words, encoding),
    )


def _row(model: Any, reading: Reading, layer: str, words: Words) -> WordsRow:
    channels = reading.activations[layer].shape[2]
    window = _window(model, layer)
    maps = {name: _map(method, reading, layer, words, window) for name, method in METHODS.items()}
    return WordsRow(layer, channels, _label(layer, channels), window, maps, _agreement(maps))


def _map(method: Method, reading: Reading, layer: str, words: Words, window: int | None) -> WordsMap:
    """Return what a method says at a layer, or why it says nothing there."""
    try:
        values = method.values(reading, layer)
    except ExplainError as refusal:
        if method.needs_class_weights:
            return WordsMap(f"{method.title} (none here)", None, str(refusal), "none")
        return WordsMap(method.title_at(layer), None, str(refusal))
    tokens = values[0, : len(words.owner)].double().cpu().numpy()
    contributions = Contributions(tokens, words.sums(tokens), words.unplaced(tokens))
    if not method.needs_class_weights:
        return WordsMap(method.title_at(layer), contributions)
    weights = reading.weights_of(layer)
    if weights.kind == "probe":
        title, note = f"{method.title} of a linear probe", f"{method.title} of a linear probe on this layer"
        if weights.accuracy is not None and not math.isnan(weights.accuracy):
            title += f" (accuracy {weights.accuracy:.2f})"
            note += f", right on {weights.accuracy:.1%} of the validation reviews"
        return WordsMap(title, contributions, f"{note}.", "probe")
    # The contributions are already a share of the mean: their sum is the mean of the map over the words.
    mean_plus_bias = float(values.double().sum() + reading.score.of_class(weights.bias)[0].double())
    score = float(reading.scores()[0])
    return WordsMap(
        f"{method.title} (exact)",
        contributions,
        f"The network's own {method.title}: its mean over the words plus the bias is the logit. Each value has "
        f"seen the {window} tokens around its own.",
        "exact",
        Certificate("exact", mean_plus_bias, score, mean_plus_bias - score),
    )


def _agreement(maps: Mapping[str, WordsMap]) -> dict[str, WordAgreement]:
    first, *others = maps
    base = maps[first].contributions
    agreement = {}
    for name in others:
        other = maps[name].contributions
        if base is None or other is None:
            continue
        measured = [
            measure(base.words, other.words) if len(base.words) > 1 else math.nan
            for measure in (correlation, rank_correlation)
        ]
        agreement[name] = WordAgreement(*measured)
    return agreement


def _label(layer: str, channels: int) -> str:
    if layer == EMBEDDING:
        return f"Embedding · {channels}"
    name, _, place = layer.rpartition(".")
    kind = {"blocks": "Block"}.get(name, "LSTM layer")
    return f"{kind} {int(place) + 1} · {channels}" if place.isdigit() else f"{layer} · {channels}"


def _window(model: Any, layer: str) -> int | None:
    if layer == EMBEDDING:
        return 1
    if not is_convolutional(model):
        return None
    names = layer_names(model)[1:]
    kernels = [block.convolution.kernel_size[0] for block in model.blocks]
    return 1 + sum(kernel - 1 for kernel in kernels[: names.index(layer) + 1])


def _notes(words: Words, encoding: Any) -> tuple[str, ...]:
    notes = []
    if not len(words):
        notes.append("There is no word in this text: the prediction rests on the bias alone.")
    elif not words.known(encoding.ids).any():
        notes.append("The learner knows none of these words: they all look the same to it.")
    if encoding.left_out:
        notes.append(
            f"The learner reads the first {len(encoding.ids):,} tokens of this text; the last "
            f"{encoding.left_out:,} were left out and have no contribution."
        )
    return tuple(notes)
