"""AWD-LSTM: our one-piece pass against fastai's own, gradients across its pieces, and padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fastai.text.learner import TextLearner

from analysis.learner.words.awd_lstm import AwdLstm, build_awd_lstm
from analysis.learner.words.dataloaders import SEQUENCE, make_text_dataloaders
from analysis.learner.words.vocabulary import PAD, TokenVocabulary

LONG = SEQUENCE + 50


@pytest.fixture(scope="module")
def learn() -> TextLearner:
    vocabulary = TokenVocabulary(tuple(f"w{number}" for number in range(60)), 600, markers=True)
    blank = [(np.zeros(1, dtype=np.int64), 0)] * 2
    dls = make_text_dataloaders(blank, blank, vocabulary, ["a", "b", "c"], torch.device("cpu"), chunked=True)
    torch.manual_seed(0)
    learn = build_awd_lstm(dls, 3, pretrained=False)
    learn.model.eval()
    return learn


@pytest.fixture(scope="module")
def model(learn: TextLearner) -> AwdLstm:
    return AwdLstm(learn.model).eval()


def ids(length: int) -> torch.Tensor:
    return torch.randint(2, 60, (1, length), generator=torch.Generator().manual_seed(length))


def test_the_logits_are_those_of_fastais_own_network(learn: TextLearner, model: AwdLstm):
    for length in (1, 7, SEQUENCE, LONG):
        with torch.no_grad():
            torch.testing.assert_close(model(ids(length)), learn.model(ids(length))[0])


def test_padding_at_the_end_changes_nothing(model: AwdLstm):
    batch = torch.full((2, LONG), PAD)
    batch[0] = ids(LONG)[0]
    batch[1, :5] = ids(5)[0]
    with torch.no_grad():
        torch.testing.assert_close(model(batch), torch.cat([model(ids(LONG)), model(ids(5))]))


def test_gradients_reach_the_first_word_of_a_long_text(learn: TextLearner, model: AwdLstm):
    batch = ids(LONG)
    mask = model.mask(batch)
    embedded = model.embedding(batch).detach().requires_grad_()
    gradient = torch.autograd.grad(model.from_embedded(embedded, mask)[0, 0], embedded)[0]
    assert (gradient.abs().sum(dim=2) > 0).all()
    # against finite differences, at a word before the border between fastai's pieces
    step = torch.zeros_like(embedded)
    step[0, SEQUENCE - 2] = gradient[0, SEQUENCE - 2]
    step *= 1e-2 / step.norm()
    with torch.no_grad():
        change = (model.from_embedded(embedded + step, mask) - model.from_embedded(embedded - step, mask))[
            0, 0
        ] / 2
    assert change.item() == pytest.approx((gradient * step).sum().item(), rel=0.02)


def test_its_layers_can_be_hooked(model: AwdLstm):
    from analysis.hooks import ForwardHook

    assert [name for name, _ in model.hidden] == ["lstm.0", "lstm.1"]
    seen = []
    handles = [module.register_forward_hook(lambda m, i, o: seen.append(o[0].shape)) for _, module in model.hidden]
    with torch.no_grad(), ForwardHook(model.embedding) as hook:
        model(ids(9))
    for handle in handles:
        handle.remove()
    assert hook.stored.shape == (1, 9, 128)
    assert seen == [(1, 9, 256), (1, 9, 128)]


def test_the_pretrained_size_is_fastais(learn: TextLearner):
    big = build_awd_lstm(learn.dls, 3, pretrained=True)
    assert big.model[0].module.encoder.weight.shape == (60, 400)
    assert len(big.model[0].module.rnns) == 3
