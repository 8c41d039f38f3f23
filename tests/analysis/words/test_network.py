"""One pass of a network: its own numbers, padding, gradients, and the network left alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis.explain.errors import ExplainError
from analysis.learner.words.batches import padded
from analysis.words.network import layer_names, predict_ids, read, read_start
from tests.analysis.words.learners import Learner, Recurrent, awd_lstm, convolutional

IDS = [np.array([2, 3, 4, 5, 6]), np.array([7, 2]), np.array([], dtype=np.int64)]


@pytest.mark.parametrize("make", [convolutional, Recurrent])
def test_logits_are_the_networks_own_and_padding_never_counts(make: type) -> None:
    net = make()
    together = read(net, padded(IDS, "cpu"), 1)
    torch.testing.assert_close(together.logits, net(padded(IDS, "cpu")).detach(), rtol=0, atol=1e-12)
    assert together.real.sum(1).tolist() == [5, 2, 0]
    for row, ids in enumerate(IDS):
        alone = read(net, padded([ids], "cpu"), 1)
        for name in layer_names(net):
            count = len(ids)
            torch.testing.assert_close(together.activations[name][row, :count], alone.activations[name][0, :count])
            torch.testing.assert_close(together.gradients[name][row, :count], alone.gradients[name][0, :count])


def test_layers_in_forward_order_with_tokens_before_channels() -> None:
    taken = read(convolutional(), padded(IDS, "cpu"))
    assert {name: tuple(one.shape) for name, one in taken.activations.items()} == {
        "embedding": (3, 5, 4),
        "blocks.0": (3, 5, 5),
        "blocks.1": (3, 5, 5),
    }
    assert list(taken.activations) == list(layer_names(convolutional()))
    assert layer_names(Recurrent()) == ("embedding", "rnns.0", "rnns.1")
    assert read(Recurrent(), padded(IDS[:2], "cpu")).activations["rnns.1"].shape == (2, 5, 3)


@pytest.mark.parametrize("make", [convolutional, Recurrent, awd_lstm])
@pytest.mark.parametrize("target", [1, (0, 1)])
def test_gradients_are_finite_differences_of_the_score(make: type, target: int | tuple[int, int]) -> None:
    net = make()
    ids = padded(IDS[:1], "cpu")
    taken = read(net, ids, target)
    embedded, mask = net.embedding(ids).detach(), (ids != 1)[:, None].double()

    def score(values: torch.Tensor) -> float:
        logits = net.from_embedded(values, mask)[0].detach()
        return float(logits[1] if target == 1 else logits[0] - logits[1])

    for token, number in [(0, 0), (2, 3), (4, 1)]:
        step = torch.zeros_like(embedded)
        step[0, token, number] = 1e-6
        slope = (score(embedded + step) - score(embedded - step)) / 2e-6
        assert float(taken.gradients["embedding"][0, token, number]) == pytest.approx(slope, abs=1e-7)


def test_fastais_own_network_is_read_the_same_beside_others_and_alone() -> None:
    net = awd_lstm()
    texts = IDS[:2]
    together = read(net, padded(texts, "cpu"), 1)
    assert list(together.activations) == ["embedding", "lstm.0", "lstm.1"]
    for row, ids in enumerate(texts):
        alone = read(net, padded([ids], "cpu"), 1)
        torch.testing.assert_close(together.logits[row], alone.logits[0])
        for name in layer_names(net):
            count = len(ids)
            torch.testing.assert_close(together.activations[name][row, :count], alone.activations[name][0, :count])
            torch.testing.assert_close(together.gradients[name][row, :count], alone.gradients[name][0, :count])


@pytest.mark.parametrize("make", [convolutional, Recurrent, awd_lstm])
def test_the_network_is_left_as_it_was(make: type) -> None:
    net = make().train()
    with torch.no_grad():
        read(net, padded(IDS[:1], "cpu"))
    assert all(module.training for module in net.modules())
    assert not any(module._forward_hooks for module in net.modules())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in net.parameters())
    for frozen in net.parameters():
        frozen.requires_grad_(False)
    with torch.inference_mode():
        taken = read(net, padded(IDS[:1], "cpu"))
    assert taken.gradients["embedding"].abs().sum() > 0
    assert not taken.logits.requires_grad


def test_hooks_come_off_when_the_network_raises() -> None:
    net = Recurrent()
    net.layers = torch.nn.Linear(99, 2).double()
    with pytest.raises(RuntimeError):
        read(net, padded(IDS[:1], "cpu"))
    assert not any(module._forward_hooks for module in net.modules())


def test_targets_are_classes_pairs_or_the_predicted_class() -> None:
    net = convolutional(classes=3)
    logits = read(net, padded(IDS, "cpu")).logits
    assert read(net, padded(IDS, "cpu")).score.targets.tolist() == logits.argmax(1).tolist()
    torch.testing.assert_close(read(net, padded(IDS, "cpu"), (2, 0)).scores(), logits[:, 2] - logits[:, 0])
    torch.testing.assert_close(read(net, padded(IDS, "cpu"), torch.tensor([0, 1, 2])).scores(), logits.diagonal())
    with pytest.raises(ExplainError, match="class 3 is out of range"):
        read(net, padded(IDS, "cpu"), 3)


def test_some_layers_only_and_unknown_ones_are_named() -> None:
    net = convolutional()
    assert list(read(net, padded(IDS, "cpu"), layers=["blocks.1"]).gradients) == ["blocks.1"]
    assert read(net, padded(IDS, "cpu"), gradients=False).gradients == {}
    with pytest.raises(ExplainError, match=r"no layer 'blocks\.7'; it has embedding, blocks\.0, blocks\.1"):
        read(net, padded(IDS, "cpu"), layers=["blocks.7"])
    with pytest.raises(ExplainError, match="Linear is no text network"):
        layer_names(torch.nn.Linear(2, 2))


TAG = "<b class='" + "x y " * 60 + "'>"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "good film",
        "didn't " * 20_000,
        f"good {TAG} bad " * 4_000,
        f"{TAG} " * 400 + "good film " * 20_000,  # nothing to read in the first 100,000 characters
        " " * 300_000 + "good",
        "a" * 300_000,
    ],
)
@pytest.mark.parametrize("longest", [3, 50])
def test_the_start_that_is_read_is_that_of_the_whole_text(text: str, longest: int) -> None:
    learner = Learner(convolutional(), longest=longest)
    whole, start = learner.view(text), read_start(learner, text)
    assert start.ids.tolist() == whole.ids.tolist()
    assert start.tokens == whole.tokens
    assert (start.left_out > 0) == (whole.left_out > 0)


def test_a_tag_that_is_cut_in_two_is_not_taken_for_words() -> None:
    """Wherever the cut falls."""
    for shift in range(0, 260, 7):
        text = "a" * (19_800 - 60 + shift) + f" good {TAG} bad " + "film " * 9_000
        learner = Learner(convolutional(), longest=20)
        assert read_start(learner, text).tokens == learner.view(text).tokens


def test_predictions_come_back_in_the_order_asked_for() -> None:
    net = convolutional()
    learner = Learner(net)
    sequences = [np.arange(2, 2 + n) for n in (9, 1, 4, 0, 12)]
    expected = torch.cat([net(padded([ids], "cpu")) for ids in sequences]).detach()
    torch.testing.assert_close(predict_ids(learner, sequences), expected)
