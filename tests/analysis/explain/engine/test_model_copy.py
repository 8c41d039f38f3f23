"""The private copy shares what it may with the model, and nothing else."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, weight_norm

from analysis.explain.engine.model_copy import has_hooks, private_copy, without_hooks
from analysis.explain.trace import explain
from tests.analysis.explain.networks import Scaled, classifier, pictures
from tests.analysis.explain.oracles import gradcam_by_hand


def test_the_copy_shares_parameters_and_nothing_else() -> None:
    net = Scaled().train()
    twin = private_copy(net)
    names = [name for name, _ in net.named_modules()]
    assert [name for name, _ in twin.named_modules()] == names
    assert not {id(module) for module in twin.modules()} & {id(module) for module in net.modules()}
    assert not any(module.training for module in twin.modules())
    assert all(module.training for module in net.modules())
    for mine, own in zip(twin.parameters(), net.parameters(), strict=True):
        assert mine.data_ptr() == own.data_ptr()
        assert own.requires_grad
        assert not mine.requires_grad
    for mine, own in zip(twin.buffers(), net.buffers(), strict=True):
        assert mine.data_ptr() != own.data_ptr()
    assert twin.settings is not net.settings
    own_numbers = private_copy(net, own_weights=True)
    for mine, own in zip(own_numbers.parameters(), net.parameters(), strict=True):
        assert mine.data_ptr() != own.data_ptr()
        assert torch.equal(mine, own)


def test_tied_weights_stay_tied() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    for own in (False, True):
        twin = private_copy(net, own_weights=own)
        assert twin[0].weight is twin[1].weight


class Refuses(nn.Module):
    """What deepcopy refuses, in a network that also holds a method, a list and a tensor in a graph."""

    def __init__(self) -> None:
        super().__init__()
        self.net = classifier()
        self.lock = threading.Lock()
        self.parts = self.same_parts = [self.net[0], self.net[1]]
        self.run = self.body
        self.scale = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
        self.product = self.scale * 2
        self.again = self.net[0]

    def body(self, x: Tensor) -> Tensor:
        return self.parts[0](x)

    def forward(self, x: Tensor) -> Tensor:
        with self.lock:
            return self.parts[1](self.run(x)) * self.product


def test_a_model_that_deepcopy_refuses_is_copied_module_by_module() -> None:
    net, x = Refuses().train(), pictures()
    with pytest.raises((TypeError, RuntimeError)):
        copy.deepcopy(net)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    twin = private_copy(net)
    assert twin.parts[0] is twin.net[0] is twin.again
    assert twin.run.__self__ is twin
    assert twin.lock is net.lock
    assert twin.parts is twin.same_parts is not net.parts
    assert not twin.product.requires_grad
    maps = explain(net, x, ["net.0.6"], ["gradcam"], 1).maps["net.0.6", "gradcam"]
    expected = 4 * gradcam_by_hand(classifier(), x, "0.6", 1)
    torch.testing.assert_close(maps, expected.float())
    torch.testing.assert_close(dict(net.state_dict()), before, rtol=0, atol=0)
    assert net.product.requires_grad


def with_weight_norm(conv: nn.Conv2d) -> nn.Module:
    weight_norm(conv)
    return conv


def with_pruning(conv: nn.Conv2d) -> nn.Module:
    prune.random_unstructured(conv, "weight", 0.5)
    return conv


@pytest.mark.parametrize(
    "reparametrised", [with_weight_norm, with_pruning, parametrizations.weight_norm, parametrizations.orthogonal]
)
def test_reparametrised_weights(reparametrised: Callable[[nn.Conv2d], nn.Module]) -> None:
    torch.manual_seed(0)
    net, x = classifier(), pictures()
    net[0][4] = reparametrised(net[0][4])
    logits = net(x).detach()
    for round_number in range(2):
        result = explain(net, x, ["0.1", "0.6"], ["hirescam"], 1)
        torch.testing.assert_close(result.logits, logits.float())
        twin = explain(private_copy(net), x, ["0.1", "0.6"], ["hirescam"], 1)
        torch.testing.assert_close(result.maps, twin.maps)
        if round_number == 0:
            with torch.no_grad():
                for parameter in net.parameters():
                    parameter.add_(0.1)
            logits = net(x).detach()


def test_hooks_are_noticed_and_removed_from_the_copy_only() -> None:
    net = classifier()
    assert not has_hooks(net)
    net[0].register_forward_pre_hook(lambda module, inputs: None)
    assert has_hooks(net)
    assert not has_hooks(without_hooks(private_copy(net)))
    assert has_hooks(net)
