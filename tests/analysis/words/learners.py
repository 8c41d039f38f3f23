"""Small text learners with known answers, without a run."""

from __future__ import annotations

from typing import NamedTuple

import torch
from fastai.text.models.awdlstm import AWD_LSTM, awd_lstm_clas_config
from fastai.text.models.core import get_text_classifier
from torch import Tensor, nn

from analysis.learner.words.awd_lstm import AwdLstm
from analysis.learner.words.vocabulary import MARKERS, SPECIAL, Encoding, TokenVocabulary
from analysis.learner.words.wordcnn import WordCNN

WORDS = (
    "good",
    "bad",
    "film",
    "not",
    "n't",
    "is",
    "was",
    "a",
    "the",
    "did",
    "great",
    "awful",
    "plot",
    ".",
    ",",
    "!",
)
NAMES = ("negative", "positive")


class Mark(NamedTuple):
    """A token by hand."""

    text: str
    start: int
    stop: int


class Learner:
    """What the words package takes of a loaded text learner, around any network.

    `marks` adds fastai's tokens without characters: one at the beginning, one before each capital.
    """

    def __init__(self, model: nn.Module, longest: int = 400, marks: bool = False) -> None:
        self.model, self.device = model.eval(), torch.device("cpu")
        self.vocabulary = TokenVocabulary((*SPECIAL, *(MARKERS if marks else ()), *WORDS), longest, marks)
        self.split = 0  # characters

    def view(self, text: str) -> Encoding:
        self.split += len(text)
        return self.vocabulary.encode(text)


def convolutional(
    classes: int = 2, dtype: torch.dtype = torch.float64, seed: int = 3, **changes: object
) -> WordCNN:
    """Two blocks of 5 channels over embeddings of 4 numbers, random weights far from 0."""
    torch.manual_seed(seed)
    sizes = {"embedding": 4, "channels": 5, "kernels": (3, 3), "dropout": 0.5, **changes}
    net = WordCNN(len(WORDS) + 2, classes, **sizes)  # type: ignore[arg-type]
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.7)
    with torch.no_grad():
        net.embedding.weight[1] = 0
    return net.to(dtype).eval()


def bag(weights: dict[str, float], bias: float = 0.0, classes: int = 2) -> Learner:
    """A network that looks at one word at a time: the logit of class 1 is the mean of the words' weights + bias.

    Class 0 has the logit 0. Words that are not named weigh nothing.
    """
    net = WordCNN(len(WORDS) + 2, classes, embedding=1, channels=2, kernels=(1,), dropout=0.0).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        for word, weight in weights.items():
            net.embedding.weight[WORDS.index(word) + 2] = weight
        net.blocks[0].convolution.weight[:, 0, 0] = torch.tensor([1.0, -1.0])  # the ReLU's two sides
        net.head.weight[1] = torch.tensor([1.0, -1.0])
        net.head.bias[1] = bias
    return Learner(net)


def awd_lstm() -> AwdLstm:
    """fastai's own network, small, in float64."""
    torch.manual_seed(4)
    config = {**awd_lstm_clas_config, "emb_sz": 4, "n_hid": 6, "n_layers": 2}
    network = get_text_classifier(AWD_LSTM, len(WORDS) + 2, 2, config=config, lin_ftrs=[5])
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.6)
    return AwdLstm(network).double().eval()


class Recurrent(nn.Module):
    """Embedding, two LSTM layers, and a nonlinear head over their mean and maximum: the shape of fastai's."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.embedding = nn.Embedding(len(WORDS) + len(SPECIAL) + len(MARKERS), 4, padding_idx=1)
        self.rnns = nn.ModuleList([nn.LSTM(4, 6, batch_first=True), nn.LSTM(6, 3, batch_first=True)])
        self.layers = nn.Sequential(nn.Linear(6, 4), nn.ReLU(inplace=True), nn.Linear(4, 2))
        nn.init.normal_(self.embedding.weight)
        self.double().eval()

    @property
    def hidden(self) -> list[tuple[str, nn.Module]]:
        return [(f"rnns.{place}", module) for place, module in enumerate(self.rnns)]

    def mask(self, ids: Tensor) -> Tensor:
        return (ids != 1)[:, None].double()

    def forward(self, ids: Tensor) -> Tensor:
        return self.from_embedded(self.embedding(ids), self.mask(ids))

    def from_embedded(self, embedded: Tensor, mask: Tensor) -> Tensor:
        x = embedded
        for rnn in self.rnns:
            x = rnn(x)[0]
        real = mask.transpose(1, 2)
        mean = (x * real).sum(1) / real.sum(1).clamp(min=1)
        highest = (x * real - 10 * (1 - real)).max(dim=1).values
        return self.layers(torch.cat([mean, highest], 1))
