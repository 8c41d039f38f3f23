"""The private copy shares what it may, and every change of the model is seen."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, weight_norm

from analysis.explain.engine.copies import State, has_hooks, private_copy, without_hooks
from analysis.explain.trace import explain
from tests.analysis.explain.networks import classifier, pictures
from tests.analysis.explain.oracles import gradcam_by_hand


class Scaled(nn.Module):
    """Logits scaled by attributes of several kinds, none of them a parameter or buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.net = classifier()
        self.factor, self.tensor = 1.5, torch.tensor(2.0, dtype=torch.float64)
        self.settings, self.steps = {"scale": [1.0, 2.0]}, [3.0]

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x) * self.factor * self.tensor * self.settings["scale"][1] * self.steps[0]


def step(net: Scaled) -> None:
    optimizer = torch.optim.SGD(net.parameters(), 1e-3)
    net(pictures()).sum().backward()
    optimizer.step()


def fastai_step(net: Scaled) -> None:
    for parameter in net.parameters():
        parameter.data.add_(torch.full_like(parameter, 0.1))


def train_once(net: Scaled) -> None:
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.num_batches_tracked = None  # which would give the change away
    net.train()(pictures())


def new_head(net: Scaled) -> None:
    net.net[1][4] = nn.Linear(6, 3).double()


def new_activation(net: Scaled) -> None:
    # never the same function again: a module equal in everything may also get the old one's address
    net.net[0][2] = nn.LeakyReLU(0.9 * getattr(net.net[0][2], "negative_slope", 0.5))


def new_numbers(net: Scaled) -> None:
    for parameter in net.parameters():
        parameter.data = parameter.data * 1.1


def new_buffers(net: Scaled) -> None:
    norm = net.net[0][1]
    norm.running_mean = norm.running_mean * 1.5


def setting(key: str) -> Callable[[Scaled], None]:
    def change(net: Scaled) -> None:
        setattr(net, key, getattr(net, key) * 1.1)

    return change


CHANGES: dict[str, Callable[[Scaled], object]] = {
    "optimizer": step,
    "fastai's optimizer": fastai_step,
    "one weight through data": lambda net: net.net[1][4].weight.data[1, 2].add_(1),
    "load_state_dict": lambda net: net.net.load_state_dict(
        {name: tensor * 1.1 for name, tensor in net.net.state_dict().items()}
    ),
    "assigned state": lambda net: net.net.load_state_dict(
        {name: tensor * 1.1 for name, tensor in net.net.state_dict().items()}, assign=True
    ),
    "data": new_numbers,
    "buffers": new_buffers,
    "buffer in place": lambda net: net.net[0][1].running_mean.data.add_(0.1),
    "training": train_once,
    "head": new_head,
    "activation function": new_activation,
    "number": setting("factor"),
    "tensor": setting("tensor"),
    "tensor in place": lambda net: net.tensor.mul_(1.1),
    "list": lambda net: net.steps.__setitem__(0, net.steps[0] * 1.1),
    "nested": lambda net: net.settings["scale"].__setitem__(1, net.settings["scale"][1] * 1.1),
    "hook": lambda net: net.net[0].register_forward_hook(lambda module, inputs, output: output * 2),
    "pre-hook": lambda net: net.net[0].register_forward_pre_hook(lambda module, inputs: (inputs[0] * 2,)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_model_is_seen_each_time_it_happens(change: str) -> None:
    torch.manual_seed(0)
    net, x = Scaled().eval(), pictures()
    state = State(net)
    assert state.is_of(net)
    for times in (1, 2, 2):  # twice in a row: the second may get the first one's addresses back
        explain(net, x, ["net.0.6"], ["gradcam"], 1)
        state = State(net)
        for _ in range(times):
            CHANGES[change](net)
        assert not state.is_of(net)
        maps = explain(net, x, ["net.0.6"], ["gradcam"], 1).maps["net.0.6", "gradcam"]
        torch.testing.assert_close(maps, gradcam_by_hand(net, x, "net.0.6", 1).float(), atol=1e-6, rtol=1e-5)


def test_a_hook_in_anothers_place_is_another_hook() -> None:
    net = Scaled().eval()
    first = net.net[0].register_forward_hook(lambda module, inputs, output: output * 2)
    state = State(net)
    first.remove()
    net.net[0].register_forward_hook(lambda module, inputs, output: output * 3)
    assert not state.is_of(net)


def test_modes_and_gradients_are_no_changes() -> None:
    net = Scaled()
    state = State(net)
    net.train().requires_grad_(False)
    net.requires_grad_(True)
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    assert state.is_of(net.eval())


@pytest.mark.parametrize("dtype", [torch.float16, torch.complex64, torch.bool, torch.int64, torch.float64])
def test_buffers_of_any_type_and_layout_are_looked_at(dtype: torch.dtype) -> None:
    net = nn.Module()
    net.register_buffer("values", torch.zeros(300, 200).to(dtype).t()[::2])
    net.register_buffer("empty", torch.zeros(0))
    net.register_buffer("undefined", torch.full((3,), float("nan")))
    net.register_buffer("sparse", torch.eye(3).to_sparse())
    net.register_buffer("nowhere", torch.zeros(3, device="meta"))
    state = State(net)
    assert state.is_of(net)
    net.values.data[:] = 1
    assert not state.is_of(net)


def test_a_large_tensor_is_looked_at_in_several_places() -> None:
    net = nn.Linear(1000, 1000, bias=False)
    for part in range(4):
        state = State(net)
        net.weight.data[250 * part : 250 * (part + 1)] += 1
        assert not state.is_of(net)


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


def test_hooks_are_found_and_taken_off_the_copy_only() -> None:
    net = classifier()
    assert not has_hooks(net)
    net[0].register_forward_pre_hook(lambda module, inputs: None)
    assert has_hooks(net)
    assert not has_hooks(without_hooks(private_copy(net)))
    assert has_hooks(net)
