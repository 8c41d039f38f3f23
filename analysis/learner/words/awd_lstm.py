"""fastai's AWD-LSTM text classifier: how it is built, and how it predicts once it is trained."""

from __future__ import annotations

from typing import Any, cast

import torch
from fastai.data.core import DataLoaders
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import error_rate
from fastai.text.learner import TextLearner, text_classifier_learner
from fastai.text.models.awdlstm import AWD_LSTM, awd_lstm_clas_config
from fastai.text.models.core import masked_concat_pool
from torch import Tensor, nn

from analysis.learner.words.dataloaders import SEQUENCE
from analysis.learner.words.vocabulary import PAD

# From random weights a small network does: measured for the 25,000 IMDb reviews, two epochs, on the held-out
# reviews of seed 21: accuracy 0.864 in 336 s of CPU time on two threads. The language model's own size has
# 34 times as many weights in its LSTM layers.
_SMALL: dict[str, Any] = {"emb_sz": 128, "n_hid": 256, "n_layers": 2}


class AwdLstm(nn.Module):
    """A trained AWD-LSTM classifier as a function from token ids to logits.

    fastai runs the LSTM over pieces of 72 words and cuts the gradient between them. Here a text is one
    piece, which gives the same logits, and gradients for every word. Padding stands at the end, where a
    network that reads from left to right does not see it.

    Attributes
    ----------
    network : fastai's SequentialRNN
    embedding : (B, L) int64 -> (B, L, E)
    hidden : (name, module) of the LSTM layers in their order; a module's output is fastai's tuple, whose
        first part is (B, L, H)
    """

    def __init__(self, network: nn.Sequential) -> None:
        """Wrap fastai's network; its weights are shared."""
        super().__init__()
        self.network = network

    @property
    def embedding(self) -> nn.Embedding:
        """Return the layer of word vectors."""
        return self._core.encoder

    @property
    def hidden(self) -> list[tuple[str, nn.Module]]:
        """Return the LSTM layers by name."""
        return [(f"lstm.{number}", layer) for number, layer in enumerate(self._core.rnns)]

    @property
    def _core(self) -> AWD_LSTM:
        return self.network[0].module

    def mask(self, ids: Tensor) -> Tensor:
        """Return (B, 1, L) in the network's type: 1 at words, 0 at padding."""
        return (ids != PAD).unsqueeze(1).to(self.embedding.weight.dtype)

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits (B, C) from token ids (B, L) int64, padded at the end; every row has a word."""
        return self.from_embedded(self.embedding(ids), self.mask(ids))

    def from_embedded(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Return logits (B, C) from the embedding's output (B, L, E) and the mask (B, 1, L)."""
        self._core.reset()
        # cuDNN has no gradient of an LSTM in evaluation mode
        with torch.backends.cudnn.flags(enabled=not torch.is_grad_enabled()):
            output = self._core(embedded, from_embeds=True)
        pooled = masked_concat_pool(output, mask[:, 0] == 0, embedded.shape[1])
        return cast(nn.Sequential, self.network[1].layers)(pooled)


def build_awd_lstm(dls: DataLoaders, classes: int, pretrained: bool) -> TextLearner:
    """Return fastai's `text_classifier_learner` with random weights.

    Parameters
    ----------
    pretrained : the size of fastai's Wikipedia language model, for its weights to fit; else a small one
    """
    config = {**awd_lstm_clas_config, **({} if pretrained else _SMALL)}
    return text_classifier_learner(
        dls,
        AWD_LSTM,
        seq_len=SEQUENCE,
        config=config,
        pretrained=False,
        drop_mult=0.5,
        n_out=classes,
        max_len=None,
        loss_func=CrossEntropyLossFlat(),
        metrics=error_rate,
    )
