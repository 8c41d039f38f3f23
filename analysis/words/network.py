"""One pass of a text network: what it puts out at every layer for every token, and the gradients there.

Two kinds of network are read. A convolutional one has `blocks` and a `head` behind an average over the real
tokens (`analysis.learner.text.wordcnn`). A recurrent one has `hidden`, its named LSTM layers
(`analysis.learner.text.awd_lstm`). Both have an `embedding` and run from embedded tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from analysis.explain.errors import ExplainError
from analysis.explain.targets import ClassTargets, resolve_targets, score_weights
from analysis.learner.text.vocabulary import PAD
from analysis.words.spans import Token

EMBEDDING = "embedding"
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
    """The part of `analysis.learner.text.store.LoadedText` that explaining takes."""

    @property
    def model(self) -> nn.Module: ...
    @property
    def device(self) -> torch.device: ...
    def encode(self, text: str) -> Any: ...


@dataclass(frozen=True)
class Reading:
    """What a network made of a batch of texts; detached, in the network's own precision.

    Attributes
    ----------
    logits : (B, K).
    targets : (B,) int64, the class explained for each text.
    against : (B,) int64 where a contrast is explained (score of target minus score of against), else None.
    real : (B, L) bool, True at tokens, False at padding.
    activations : {layer: (B, L, C)}, in forward order.
    gradients : {layer: (B, L, C)}, of each text's own score; empty where none were asked for.
    """

    logits: Tensor
    targets: Tensor
    against: Tensor | None
    real: Tensor
    activations: dict[str, Tensor]
    gradients: dict[str, Tensor]

    def of_score(self, per_class: Tensor) -> Tensor:
        """From a value for each class (K, ...) to that of each text's score (B, ...), contrasts included."""
        chosen = per_class[self.targets]
        return chosen if self.against is None else chosen - per_class[self.against]

    def scores(self) -> Tensor:
        """(B,): the explained number of each text, a logit or a difference of two."""
        return scores(self.logits, self.targets, self.against)

    def lengths(self) -> Tensor:
        """(B, 1), the number of tokens of each text, in the activations' type; 1 for a text without any."""
        return self.real.sum(dim=1, keepdim=True).clamp(min=1).to(self.logits.dtype)


def scores(logits: Tensor, targets: Tensor, against: Tensor | None) -> Tensor:
    """(B,): each text's explained number in logits (B, K)."""
    chosen = logits.gather(1, targets[:, None])[:, 0]
    return chosen if against is None else chosen - logits.gather(1, against[:, None])[:, 0]


def is_convolutional(model: nn.Module) -> bool:
    """Whether a network ends in an average over tokens and one Linear layer, so that its CAM is exact."""
    return hasattr(model, "blocks") and hasattr(model, "head")


def layer_names(model: nn.Module) -> tuple[str, ...]:
    """Return the layers that can be explained, in forward order; the first is the embedding."""
    if is_convolutional(model):
        return EMBEDDING, *(f"blocks.{place}" for place in range(len(_blocks(model))))
    return EMBEDDING, *(name for name, _ in _hidden(model))


def read(
    model: nn.Module,
    ids: Tensor,
    targets: ClassTargets = None,
    layers: Sequence[str] | None = None,
    gradients: bool = True,
) -> Reading:
    """Run a network on ids (B, L), padded at the end, and keep its layers and the gradients of its scores.

    targets: None for the predicted classes, a class, a LongTensor (B,), or a pair of those for a contrast.
    `layers` defaults to all. The model is left as it was; one caller at a time, since a recurrent network
    carries a state. Raises ExplainError for an unknown layer or class.
    """
    known = layer_names(model)
    for name in layers or ():
        if name not in known:
            raise ExplainError(f"the network has no layer {name!r}; it has {', '.join(known)}")
    with torch.inference_mode(False), torch.set_grad_enabled(gradients), _evaluating(model):
        embedded = model.embedding(ids).detach().requires_grad_(gradients)  # type: ignore[operator]
        mask = (ids != PAD)[:, None].to(embedded.dtype)
        run = _run_convolutional if is_convolutional(model) else _run_recurrent
        logits, outputs = run(model, embedded, mask)
        chosen, against = resolve_targets(targets, logits.detach())
        wanted = [name for name in known if layers is None or name in layers]
        taken: tuple[Tensor | None, ...] = ()
        if gradients:
            total = (logits * score_weights(chosen, against, logits.detach())).sum()
            taken = torch.autograd.grad(total, [outputs[name][0] for name in wanted], allow_unused=True)
    found = {
        name: torch.zeros_like(outputs[name][0]) if gradient is None else gradient
        for name, gradient in zip(wanted, taken, strict=False)
    }
    return Reading(
        logits=logits.detach(),
        targets=chosen,
        against=against,
        real=mask[:, 0] > 0,
        activations={name: _tokens_first(*outputs[name]).detach() for name in wanted},
        gradients={name: _tokens_first(gradient, outputs[name][1]) for name, gradient in found.items()},
    )


def read_start(learner: TextLearner, text: str) -> Encoding:
    """Encode as much of a text as the learner reads; `left_out` only says that there is more.

    A learner reads some hundred tokens; splitting the other 100,000 for each variant of a text would take
    seconds every time.
    """
    enough = _START
    while enough < len(text):
        encoding = learner.encode(text[:enough])
        # What is cut off may have been half a word or half a tag, so the last tokens can't be trusted.
        if encoding.left_out > _CUT_OFF:
            return encoding
        enough *= 4
    return learner.encode(text)


def pad(sequences: Sequence[np.ndarray], device: torch.device | str) -> Tensor:
    """Lay sequences of ids side by side, padded at the end: LongTensor (B, L), L at least 1."""
    longest = max([1, *map(len, sequences)])
    table = np.full((len(sequences), longest), PAD, dtype=np.int64)
    for row, ids in zip(table, sequences, strict=True):
        row[: len(ids)] = ids
    return torch.from_numpy(table).to(device)


def batches(lengths: Sequence[int], tokens: int = 16_384, rows: int = 512) -> Iterator[np.ndarray]:
    """Yield the indices of texts in batches of similar length, shortest first.

    A batch holds at most `tokens` numbers with its padding, and at most `rows` texts; one text that is longer
    makes a batch of its own.
    """
    order = np.argsort(np.asarray(lengths), kind="stable")
    start = 0
    for stop in range(1, len(order) + 1):
        count = stop + 1 - start  # with the next one, which would be the longest
        if stop == len(order) or count > rows or count * lengths[order[stop]] > tokens:
            yield order[start:stop]
            start = stop


def predict_ids(learner: TextLearner, sequences: Sequence[np.ndarray]) -> Tensor:
    """Return the logits (N, K), on the CPU, of sequences of ids in their order, batched by length."""
    rows: list[tuple[int, Tensor]] = []
    with torch.inference_mode(False), torch.no_grad(), _evaluating(learner.model):
        for part in batches([len(ids) for ids in sequences]):
            ids = pad([sequences[i] for i in part], learner.device)
            rows.extend(zip(part.tolist(), learner.model(ids).cpu(), strict=True))
    rows.sort(key=lambda row: row[0])
    return torch.stack([logits for _, logits in rows])


_Outputs = dict[str, tuple[Tensor, bool]]  # layer -> its output, and whether its channels come before its tokens


def _run_convolutional(model: Any, embedded: Tensor, mask: Tensor) -> tuple[Tensor, _Outputs]:
    # Not by hooks: several threads may read the same network.
    outputs: _Outputs = {EMBEDDING: (embedded, False)}
    x = embedded.transpose(1, 2)
    for place, block in enumerate(model.blocks):
        x = block(x, mask)
        outputs[f"blocks.{place}"] = (x, True)
    return model.from_block(x, mask, len(model.blocks)), outputs


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
    """Put a network in evaluation mode, each module back in its own afterwards."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True
