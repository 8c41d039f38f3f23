"""The convolutional network: exact CAM, padding without a trace, windows centred on their word."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from analysis.learner.words.vocabulary import PAD
from analysis.learner.words.wordcnn import Block, WordCNN


@pytest.fixture(scope="module")
def model() -> WordCNN:
    """A network with biases that are not 0, so that padding would show."""
    torch.manual_seed(0)
    model = WordCNN(50, 3, embedding=5, channels=7, kernels=(3, 5)).double().eval()
    with torch.no_grad():
        model.embedding.weight[2:].normal_()
        for block in model.blocks:
            block.convolution.bias.normal_(1)
    return model


def ids(*lengths: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(1)
    batch = torch.full((len(lengths), max([1, *lengths])), PAD)
    for row, length in zip(batch, lengths, strict=True):
        row[:length] = torch.randint(2, 50, (length,), generator=random)
    return batch


def test_the_mean_of_the_cam_plus_the_bias_is_the_logit_for_every_length(model: WordCNN):
    lengths = [1, 2, 3, 40, 17, 0]
    batch = ids(*lengths)
    with torch.no_grad():
        cam = torch.einsum("ck,bkl->bcl", model.head.weight, model.features(batch))
        logits = model(batch)
    for row, length in enumerate(lengths):
        assert (cam[row, :, length:] == 0).all()
        mean = cam[row, :, :length].mean(dim=1) if length else torch.zeros(3)
        torch.testing.assert_close(mean + model.head.bias, logits[row])


def test_padding_changes_nothing(model: WordCNN):
    batch = ids(9, 4)
    alone = batch[1:, :4]
    with torch.no_grad():
        torch.testing.assert_close(model(batch)[1:], model(alone))
        torch.testing.assert_close(model.features(batch)[1:, :, :4], model.features(alone))


def test_it_is_what_numpy_computes_from_the_definition(model: WordCNN):
    x = ids(6)
    with torch.no_grad():
        logits = model(x).numpy()
    values = model.embedding.weight.detach().numpy()[x[0]].T
    for block in model.blocks:
        weight, bias = block.convolution.weight.detach().numpy(), block.convolution.bias.detach().numpy()
        half = weight.shape[2] // 2
        around = np.pad(values, ((0, 0), (half, half)))
        windows = [around[:, start : start + weight.shape[2]] for start in range(6)]
        values = np.maximum(np.stack([np.tensordot(weight, window, 2) + bias for window in windows], axis=1), 0)
    expected = model.head.weight.detach().numpy() @ values.mean(axis=1) + model.head.bias.detach().numpy()
    np.testing.assert_allclose(logits[0], expected)


def test_a_position_sees_a_window_centred_on_it(model: WordCNN):
    batch = ids(20)
    other = batch.clone()
    other[0, 10] = (other[0, 10] - 1) % 48 + 2
    with torch.no_grad():
        changed = (model.features(batch) != model.features(other)).any(dim=1)[0]
    assert changed.nonzero()[:, 0].tolist()[0] >= 7  # kernels of 3 and 5 reach 1 + 2 words
    assert changed.nonzero()[:, 0].tolist()[-1] <= 13
    assert changed[10]


def test_the_ways_in_agree(model: WordCNN):
    batch = ids(8, 3)
    mask = model.mask(batch)
    with torch.no_grad():
        logits = model(batch)
        torch.testing.assert_close(model.from_embedded(model.embedding(batch), mask), logits)
        first = model.blocks[0](model.embedding(batch).transpose(1, 2), mask)
        torch.testing.assert_close(model.from_block(first, mask, 1), logits)
        torch.testing.assert_close(model.head(model.pool(model.features(batch), mask)), logits)


def test_even_windows_have_no_middle():
    with pytest.raises(ValueError, match="kernel is 4; give an odd number"):
        Block(2, 2, 4, 0.0)


def test_padding_learns_nothing():
    model = WordCNN(10, 2)
    assert (model.embedding.weight[PAD] == 0).all()
    nn.functional.cross_entropy(model(ids(3, 1) % 10), torch.tensor([0, 1])).backward()
    assert (model.embedding.weight.grad[PAD] == 0).all()
