"""One pass of a text network: what every layer outputs for every token, and the gradients there.

Two kinds of network are read. A convolutional one has `blocks`, and a `head` after an average over the real
tokens (`analysis.learner.words.wordcnn`). A recurrent one has `hidden`, its named LSTM layers
(`analysis.learner.words.awd_lstm`). Both have an `embedding`, a `mask`, and run from embedded tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from analysis.explain.engine.targets import ClassTargets, Score, Target, score_of
from analysis.explain.errors import ExplainError, UnknownNameError, closest
from analysis.explain.probe import Probe
from analysis.learner.words.batches import by_length, padded
from analysis.words.spans import Token

EMBEDDING = "embedding"
TEXTS, TOKENS = 512, 16_384  # of one batch, at the most
_START = 20_000  # characters; a long review has 6,000
_CUT_OFF = 400  # tokens; a tag or a comment has at most 300 characters


class Encoding(Protocol):
    """A text as a network reads it: its tokens and their numbers in the vocabulary (L,)."""

    @property
    def text(self) -> str: ...
    @property
    def tokens(self) -> Sequence[Token]: ...
    @property
    def ids(self) -> np.ndarray: ...
    @property
    def left_out(self) -> int: ...


class TextLearner(Protocol):
    """The part of `analysis.learner.words.store.WordLearner` that explaining needs."""

    @property
    def model(self) -> nn.Module: ...
    @property
    def device(self) -> torch.device: ...
    def view(self, example: str) -> Any: ...


@dataclass(frozen=True)
class ClassWeights:
    """The weights of each class over a layer's channels.

    Attributes
    ----------
    kind : "exact" for the network's own, after the average over its tokens; "probe" for a linear probe's.
    weight, bias : (K, C) and (K,).
    accuracy : the share of validation reviews that a probe gets right, 0..1; None for the network's own.
    """

    kind: str
    weight: Tensor
    bias: Tensor
    accuracy: float | None = None


@dataclass(frozen=True)
class Reading:
    """What a network computes for a batch of texts; detached, in the network's own precision.

    Attributes
    ----------
    logits : (B, K).
    score : what is explained of each text, a class or a contrast of two.
    real : (B, L) bool, True at tokens, False at padding.
    activations : {layer: (B, L, C)}, in forward order.
    gradients : {layer: (B, L, C)}, of each text's own score; empty where none were asked for.
    class_weights : {layer: the network's own or a probe's}, for the layers that have some.
    """

    logits: Tensor
    score: Score
    real: Tensor
    activations: dict[str, Tensor]
    gradients: dict[str, Tensor]
    class_weights: Mapping[str, ClassWeights]

    def scores(self) -> Tensor:
        """Return the explained number (B,) of each text: a logit, or the difference of two."""
        return self.score.of(self.logits)

    def target(self) -> Target:
        """Return what is explained of the first text: a class or a pair."""
        chosen, against = self.score.targets, self.score.against
        assert chosen is not None  # a text is explained for classes, never for a function of the logits
        return int(chosen[0]) if against is None else (int(chosen[0]), int(against[0]))

    def lengths(self) -> Tensor:
        """Return the number of tokens of each text (B, 1), in the logits' type; 1 for a text without any."""
        return self.real.sum(dim=1, keepdim=True).clamp(min=1).to(self.logits.dtype)

    def weights_of(self, layer: str) -> ClassWeights:
        """Return the class weights of a layer; raises ExplainError where it has none."""
        if layer not in self.class_weights:
            raise ExplainError("The network has no class weights at this layer.")
        return self.class_weights[layer]


def is_convolutional(model: nn.Module) -> bool:
    """Return whether a network ends in an average over tokens and one Linear layer, so that its CAM is exact."""
    return hasattr(model, "blocks") and hasattr(model, "head")


def layer_names(model: nn.Module) -> tuple[str, ...]:
    """Return the layers that can be explained, in forward order; the first is the embedding."""
    if is_convolutional(model):
        return EMBEDDING, *(f"blocks.{place}" for place in range(len(_blocks(model))))
    return EMBEDDING, *(name for name, _ in _hidden(model))


def check_layers(model: nn.Module, layers: Sequence[str]) -> None:
    """Raise UnknownNameError for a layer that cannot be explained."""
    names = layer_names(model)
    for layer in layers:
        if layer not in names:
            raise UnknownNameError(
                f"the network has no layer {layer!r}; it has {', '.join(names)}.{closest(layer, names)}"
            )


def head_weights(model: Any) -> dict[str, ClassWeights]:
    """Return the network's own class weights, {its last layer: weights}; empty where its head is not linear."""
    if not is_convolutional(model):
        return {}
    return {layer_names(model)[-1]: ClassWeights("exact", model.head.weight.detach(), model.head.bias.detach())}


def read(
    model: nn.Module,
    ids: Tensor,
    targets: ClassTargets = None,
    layers: Sequence[str] | None = None,
    gradients: bool = True,
    probes: Mapping[str, Probe] | None = None,
) -> Reading:
    """Run a network on ids (B, L), padded at the end, and keep its layers and the gradients of its scores.

    targets: None for the predicted classes, a class, a LongTensor (B,), or a pair of those for a contrast.
    `layers` defaults to all. `probes` give class weights to the layers where the network has none. The model is
    left as it was; one caller at a time, since a recurrent network carries a state. Raises UnknownNameError for
    an unknown layer, ExplainError for a class that does not exist or a probe that does not fit.
    """
    check_layers(model, layers or ())
    with torch.inference_mode(False), torch.set_grad_enabled(gradients), _evaluating(model):
        embedded = model.embedding(ids).detach().requires_grad_(gradients)  # type: ignore[operator]
        mask = model.mask(ids)  # type: ignore[operator]
        run = _run_convolutional if is_convolutional(model) else _run_recurrent
        logits, outputs = run(model, embedded, mask)
        score = score_of(targets, logits.detach())
        wanted = [name for name in layer_names(model) if layers is None or name in layers]
        derivatives: tuple[Tensor | None, ...] = ()
        if gradients:
            total = (logits * score.weights(logits.detach())).sum()
            derivatives = torch.autograd.grad(total, [outputs[name][0] for name in wanted], allow_unused=True)
    by_layer = {
        name: torch.zeros_like(outputs[name][0]) if derivative is None else derivative
        for name, derivative in zip(wanted, derivatives, strict=False)
    }
    activations = {name: _tokens_first(*outputs[name]).detach() for name in wanted}
    return Reading(
        logits=logits.detach(),
        score=score,
        real=mask[:, 0] > 0,
        activations=activations,
        gradients={name: _tokens_first(value, outputs[name][1]) for name, value in by_layer.items()},
        class_weights={**_probe_weights(probes or {}, activations, logits.shape[1]), **head_weights(model)},
    )


def read_start(learner: TextLearner, text: str) -> Encoding:
    """Encode as much of a text as the learner reads; `left_out` only says that there is more.

    A learner reads some hundred tokens; splitting the other 100,000 for each variant of a text would take
    seconds every time.
    """
    enough = _START
    while enough < len(text):
        encoding = learner.view(text[:enough])
        # What is cut off may have been half a word or half a tag, so the last tokens can't be trusted.
        if encoding.left_out > _CUT_OFF:
            return encoding
        enough *= 4
    return learner.view(text)


def predict_ids(learner: TextLearner, sequences: Sequence[np.ndarray]) -> Tensor:
    """Return the logits (N, K), on the CPU, of sequences of ids in their order, batched by length."""
    rows: list[tuple[int, Tensor]] = []
    with torch.inference_mode(False), torch.no_grad(), _evaluating(learner.model):
        for part in by_length([len(ids) for ids in sequences], TEXTS, TOKENS):
            ids = padded([sequences[i] for i in part], learner.device)
            rows.extend(zip(part.tolist(), learner.model(ids).cpu(), strict=True))
    rows.sort(key=lambda row: row[0])
    return torch.stack([logits for _, logits in rows])


_Outputs = dict[str, tuple[Tensor, bool]]  # layer -> its output, and whether its channels come before its tokens


def _run_convolutional(model: Any, embedded: Tensor, mask: Tensor) -> tuple[Tensor, _Outputs]:
    # Not by hooks: several threads may read the same network.
    outputs: _Outputs = {name: (output, True) for name, output in model.layers(embedded, mask)}
    *_, (last, _) = outputs.values()
    return model.from_block(last, mask, len(model.blocks)), outputs


def _run_recurrent(model: Any, embedded: Tensor, mask: Tensor) -> tuple[Tensor, _Outputs]:
    outputs: _Outputs = {EMBEDDING: (embedded, False)}

    def keep(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            outputs[name] = (output[0] if isinstance(output, tuple) else output, False)

        return hook

    with ExitStack() as stack:
        for name, module in model.hidden:
            stack.callback(module.register_forward_hook(keep(name)).remove)
        return model.from_embedded(embedded, mask), outputs


def _tokens_first(output: Tensor, channels_first: bool) -> Tensor:
    return output.transpose(1, 2) if channels_first else output


def _probe_weights(
    probes: Mapping[str, Probe], activations: Mapping[str, Tensor], classes: int
) -> dict[str, ClassWeights]:
    weights = {}
    for layer, activation in activations.items():
        probe = probes.get(layer)
        if probe is None:
            continue
        if probe.weight.shape != (classes, activation.shape[2]):
            raise ExplainError(
                f"the probe of layer {layer!r} has weights of shape {probe.weight.shape}, but the layer "
                f"has {activation.shape[2]} channels and the network {classes} classes; fit the probes again"
            )
        weight, bias = (torch.from_numpy(part).to(activation) for part in (probe.weight, probe.bias))
        weights[layer] = ClassWeights("probe", weight, bias, probe.accuracy)
    return weights


def _blocks(model: Any) -> Sequence[nn.Module]:
    return model.blocks


def _hidden(model: Any) -> Sequence[tuple[str, nn.Module]]:
    if not hasattr(model, "hidden"):
        raise ExplainError(
            f"{type(model).__name__} is no text network that can be explained here: it has neither convolution "
            "blocks with a head nor hidden LSTM layers"
        )
    return model.hidden


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode, and each module back in its own mode afterwards."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True
