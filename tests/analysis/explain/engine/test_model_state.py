"""Every change of a model is noticed, each time it happens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from analysis.explain.engine.model_state import ModelState
from analysis.explain.trace import explain
from tests.analysis.explain.networks import Scaled, pictures
from tests.analysis.explain.oracles import gradcam_by_hand


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
def test_a_change_of_the_model_is_noticed_each_time(change: str) -> None:
    torch.manual_seed(0)
    net, x = Scaled().eval(), pictures()
    state = ModelState(net)
    assert state.is_of(net)
    for times in (1, 2, 2):  # twice in a row: the second may get the first one's addresses back
        explain(net, x, ["net.0.6"], ["gradcam"], 1)
        state = ModelState(net)
        for _ in range(times):
            CHANGES[change](net)
        assert not state.is_of(net)
        maps = explain(net, x, ["net.0.6"], ["gradcam"], 1).maps["net.0.6", "gradcam"]
        torch.testing.assert_close(maps, gradcam_by_hand(net, x, "net.0.6", 1).float(), atol=1e-6, rtol=1e-5)


def test_a_hook_in_anothers_place_is_another_hook() -> None:
    net = Scaled().eval()
    first = net.net[0].register_forward_hook(lambda module, inputs, output: output * 2)
    state = ModelState(net)
    first.remove()
    net.net[0].register_forward_hook(lambda module, inputs, output: output * 3)
    assert not state.is_of(net)


def test_modes_and_gradients_are_no_changes() -> None:
    net = Scaled()
    state = ModelState(net)
    net.train().requires_grad_(False)
    net.requires_grad_(True)
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    assert state.is_of(net.eval())


@pytest.mark.parametrize("dtype", [torch.float16, torch.complex64, torch.bool, torch.int64, torch.float64])
def test_buffers_of_any_type_and_layout_are_compared(dtype: torch.dtype) -> None:
    net = nn.Module()
    net.register_buffer("values", torch.zeros(300, 200).to(dtype).t()[::2])
    net.register_buffer("empty", torch.zeros(0))
    net.register_buffer("undefined", torch.full((3,), float("nan")))
    net.register_buffer("sparse", torch.eye(3).to_sparse())
    net.register_buffer("nowhere", torch.zeros(3, device="meta"))
    state = ModelState(net)
    assert state.is_of(net)
    net.values.data[:] = 1
    assert not state.is_of(net)


def test_a_large_tensor_is_compared_in_several_places() -> None:
    net = nn.Linear(1000, 1000, bias=False)
    for part in range(4):
        state = ModelState(net)
        net.weight.data[250 * part : 250 * (part + 1)] += 1
        assert not state.is_of(net)
