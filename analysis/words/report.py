"""Everything the words page and the command line show for one review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from analysis.explain.errors import ExplainError
from analysis.explain.head import Certificate
from analysis.explain.measures.agreement import correlation, rank_correlation
from analysis.explain.probe import Probe
from analysis.words.methods import cam, class_weights, gradcam, gradient
from analysis.words.network import EMBEDDING, Reading, TextLearner, is_convolutional, layer_names, pad, read
from analysis.words.spans import Words, join_tokens


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
class WordsRow:
    """One layer of one review: its CAM beside its Grad-CAM beside gradient x activation.

    `cam_kind` is "exact" (the network's own), "probe" (of a linear probe on this layer, in the probe's logits)
    or "none" (then `cam` is None); `cam_note` says so for the reader. `gradient_label` is "gradient × embedding"
    at the embedding and "gradient × activation" behind it. `window` is the number of tokens, this one in their
    middle, that a value at this layer has seen; None where it is all those before it. The correlations,
    Pearson's and Spearman's, are of CAM and Grad-CAM over the words; nan where one of them is constant, None
    where there is no CAM.
    """

    layer: str
    channels: int
    label: str
    cam: Contributions | None
    cam_kind: str
    cam_note: str
    gradcam: Contributions
    gradient: Contributions
    gradient_label: str
    window: int | None
    probe_accuracy: float | None = None
    certificate: Certificate | None = None
    correlation: float | None = None
    rank_correlation: float | None = None

    def by_method(self, method: str) -> Contributions | None:
        """Return the contributions of "cam", "gradcam" or "gradient"; None where there is no CAM."""
        found: dict[str, Contributions | None] = {
            "cam": self.cam,
            "gradcam": self.gradcam,
            "gradient": self.gradient,
        }
        if method not in found:
            raise ExplainError(f"unknown method {method!r}; there are {', '.join(found)}")
        return found[method]


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
    target: int | tuple[int, int]
    target_label: str
    score: float
    bias: float | None
    left_out: int
    rows: tuple[WordsRow, ...]
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> Contributions:
        """Return the most truthful contributions: the exact CAM, else Grad-CAM of the last layer."""
        last = self.rows[-1]
        return last.cam if last.cam is not None and last.cam_kind == "exact" else last.gradcam


def words_report(
    learner: TextLearner,
    text: str,
    class_names: Sequence[str],
    target: int | tuple[int, int] | None = None,
    probes: Mapping[str, Probe] | None = None,
    layers: Sequence[str] | None = None,
) -> WordsReport:
    """Explain one review at every layer, by CAM, by Grad-CAM and by gradient x activation.

    `target` is a class, a pair (a, b) for "why a rather than b", or None for the predicted class. `probes` are
    by layer name; `layers` defaults to all. Any string will do: one without a word has no contributions, and
    says so. Raises ExplainError where the target, a layer or the class names do not fit.
    """
    encoding = learner.encode(text)
    reading = read(learner.model, pad([encoding.ids], learner.device), target, layers)
    classes = reading.logits.shape[1]
    if len(class_names) != classes:
        raise ExplainError(f"{len(class_names)} class names were given, but the network has {classes} classes")
    words = join_tokens(text, encoding.tokens)
    one = int(reading.targets[0])
    chosen = one if reading.against is None else (one, int(reading.against[0]))
    last = layer_names(learner.model)[-1]
    logits = reading.logits[0].double().cpu()
    bias = reading.of_score(learner.model.head.bias.detach()) if is_convolutional(learner.model) else None  # type: ignore[union-attr, operator]
    return WordsReport(
        words=words,
        unknown=~words.known(encoding.ids),
        class_names=tuple(class_names),
        logits=logits.numpy(),
        probabilities=logits.softmax(dim=0).numpy(),
        target=chosen,
        target_label=target_label(chosen, class_names),
        score=float(reading.scores()[0]),
        bias=None if bias is None else float(bias[0]),
        left_out=encoding.left_out,
        rows=tuple(
            _row(learner.model, reading, name, name == last, chosen, (probes or {}).get(name), words)
            for name in reading.activations
        ),
        notes=_notes(words, encoding),
    )


def target_label(target: int | tuple[int, int], class_names: Sequence[str]) -> str:
    """Say a target in words: "positive", or "positive rather than negative"."""
    if isinstance(target, int):
        return class_names[target]
    return f"{class_names[target[0]]} rather than {class_names[target[1]]}"


def _row(
    model: Any,
    reading: Reading,
    layer: str,
    is_last: bool,
    target: int | tuple[int, int],
    probe: Probe | None,
    words: Words,
) -> WordsRow:
    activation = reading.activations[layer]
    values, kind, note, certificate = _cam(model, reading, layer, is_last, target, probe)
    by_cam = None if values is None else _contributions(values, words)
    by_gradcam = _contributions(gradcam(reading, layer), words)
    return WordsRow(
        layer=layer,
        channels=activation.shape[2],
        label=_label(layer, activation.shape[2]),
        cam=by_cam,
        cam_kind=kind,
        cam_note=note,
        gradcam=by_gradcam,
        gradient=_contributions(gradient(reading, layer), words),
        gradient_label="gradient × embedding" if layer == EMBEDDING else "gradient × activation",
        probe_accuracy=None if probe is None or kind != "probe" else probe.accuracy,
        window=_window(model, layer),
        certificate=certificate,
        correlation=_compared(correlation, by_cam, by_gradcam),
        rank_correlation=_compared(rank_correlation, by_cam, by_gradcam),
    )


def _cam(
    model: Any, reading: Reading, layer: str, is_last: bool, target: int | tuple[int, int], probe: Probe | None
) -> tuple[Tensor | None, str, str, Certificate | None]:
    """Return values (1, L), kind, note and certificate of the most truthful CAM there is for a layer."""
    if is_last and is_convolutional(model):
        values = cam(reading, layer, class_weights(model))
        bias = reading.of_score(model.head.bias.detach())
        # the contributions are already a share of the mean: their sum is the mean of the CAM over the words
        said, score = float(values.double().sum() + bias[0].double()), float(reading.scores()[0])
        note = "The network's own CAM: its mean over the words plus the bias is the logit. Each value has seen "
        note += f"the {_window(model, layer)} tokens around its own."
        return values, "exact", note, Certificate("exact", said, score, said - score)
    if probe is None:
        return None, "none", "The network has no class weights at this layer.", None
    activation = reading.activations[layer]
    if probe.weight.shape != (reading.logits.shape[1], activation.shape[2]):
        raise ExplainError(
            f"the probe of layer {layer!r} has weights of shape {probe.weight.shape}, but the layer "
            f"has {activation.shape[2]} channels and the network {reading.logits.shape[1]} classes; fit them again"
        )
    note = f"CAM of a linear probe on this layer, right on {probe.accuracy:.1%} of the validation reviews."
    return cam(reading, layer, torch.from_numpy(probe.weight)), "probe", note, None


def _contributions(values: Tensor, words: Words) -> Contributions:
    tokens = values[0, : len(words.owner)].double().cpu().numpy()
    return Contributions(tokens, words.sums(tokens), words.unplaced(tokens))


def _compared(measure: Any, first: Contributions | None, second: Contributions) -> float | None:
    if first is None:
        return None
    return measure(first.words, second.words) if len(first.words) > 1 else float("nan")


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
