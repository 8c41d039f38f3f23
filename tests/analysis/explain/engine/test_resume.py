"""The resumed network on changed activations is the whole network with that layer's output replaced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.explain.engine.capture import Capture
from analysis.explain.engine.tokens import TokenGrid
from analysis.explain.errors import ExplainError, LayerError
from analysis.explain.trace import explain, trace
from tests.analysis.explain.networks import classifier, hooks_of, pictures
from tests.analysis.explain.oracles import by_hand, with_output


class Parts(nn.Module):
    """Modules to be put together in one way or another; BatchNorm statistics far from 0 and 1."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first, self.second, self.third = (nn.Conv2d(i, 4, 3, padding=1) for i in (3, 4, 4))
        self.norm, self.relu, self.fc = nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Linear(4, 3)
        self.norm.running_mean.uniform_(-0.5, 0.5)
        self.norm.running_var.uniform_(0.2, 2)

    def head(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3)))


class Skip(Parts):
    """`out += identity` and a functional ReLU in place, on modules' outputs."""

    def forward(self, x: Tensor) -> Tensor:
        identity = self.norm(self.first(x))
        out = self.second(identity)
        out += identity
        return self.head(self.third(functional.relu(out, inplace=True)))


class Twice(Parts):
    """A Sequential and a ReLU called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.again = nn.Sequential(self.second, self.relu)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.third(self.again(self.again(self.relu(self.norm(self.first(x)))))))


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, list[Tensor]]]:
        return self.conv(x), {"both": [x, x * 2]}


class Tuples(Parts):
    """A module that returns a nested tuple, part of which is then changed in place."""

    def __init__(self) -> None:
        super().__init__()
        self.two = Two()

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        values, rest = self.two(self.first(x))
        doubled = rest["both"][1]
        out = self.third(values + rest["both"][0])
        doubled += out
        return self.head(self.relu(doubled)), 0


class Wrapped(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x)


class Nested(Parts):
    """Containers that return their child's output, and some that return their input."""

    def __init__(self) -> None:
        super().__init__()
        self.wrap, self.empty, self.same = Wrapped(Wrapped(self.second)), nn.Sequential(), Wrapped(nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        start = self.empty(self.same(self.norm(self.first(x))))
        return self.head(self.third(self.relu(self.wrap(start) + self.same(start))))


class Dictionary(Skip):
    def forward(self, x: Tensor) -> Any:
        return {"features": 0, "logits": super().forward(x)}


NETWORKS: dict[str, tuple[Callable[[], nn.Module], list[str]]] = {
    "classifier": (classifier, ["0.0", "0.1", "0.2", "0.4", "0.6", "0"]),
    "skip": (Skip, ["first", "norm", "second", "third"]),
    "twice": (Twice, ["norm", "second", "again", "third"]),
    "tuples": (Tuples, ["first", "two.conv", "third", "relu"]),
    "nested": (Nested, ["norm", "same", "wrap", "wrap.module", "relu"]),
    "dictionary": (Dictionary, ["norm", "second"]),
}


def changed_activations(capture: Capture, layer: str, images: Tensor) -> Tensor:
    activation = capture.activations[layer][images]
    factors = torch.rand(len(images), activation.shape[1], 1, 1, generator=torch.Generator().manual_seed(5))
    return activation * factors + 0.1


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_rest_of_the_network_runs_on_the_given_activation(name: str, batch: int) -> None:
    make, layers = NETWORKS[name]
    net, x = make().double().eval(), pictures(batch)
    capture = trace(net, x, layers).capture(1)  # all layers in one pass
    for layer in layers:
        calls = sum(module is net.get_submodule(layer) for module in called(net, x))
        network = capture.resume(layer)
        for order in ([2, 0, 1, 1, 0], [0, 0, 0], [1], [0, 1, 2]):
            images = torch.tensor(order) % batch
            activation = changed_activations(capture, layer, images)
            kept = activation.clone()
            logits = network(activation, images)
            torch.testing.assert_close(logits, with_output(net, x[images], layer, activation, calls))
            assert torch.equal(activation, kept)
            torch.testing.assert_close(network(capture.activations[layer], torch.arange(batch)), capture.logits)
    assert hooks_of(net) == 0


def called(net: nn.Module, x: Tensor) -> list[nn.Module]:
    modules: list[nn.Module] = []
    hooks = [m.register_forward_hook(lambda module, i, o: modules.append(module)) for m in net.modules()]
    with torch.no_grad():
        net(x)
    for hook in hooks:
        hook.remove()
    return modules


@pytest.mark.parametrize("name", NETWORKS)
def test_its_gradient_is_the_networks_and_so_is_the_second_derivative(name: str) -> None:
    make, layers = NETWORKS[name]
    net, x = make().double().eval(), pictures(2)
    layer = layers[0]
    capture, images = trace(net, x, layers).capture(1), torch.tensor([1, 0])
    _, output, expected = by_hand(net, x, layer, 1)
    point = output[images].requires_grad_()
    score = capture.resume(layer)(point, images)[:, 1].square().sum() / 2
    (gradient,) = torch.autograd.grad(score, point, create_graph=True)
    logits = capture.logits[images, 1]
    torch.testing.assert_close(gradient.detach(), logits[:, None, None, None] * expected[images])
    (second,) = torch.autograd.grad(gradient.sum(), point)
    sums = expected[images].sum((1, 2, 3))  # the logits are piecewise linear: H of l^2 / 2 is g g^T
    torch.testing.assert_close(second, sums[:, None, None, None] * expected[images])


def test_without_gradients_there_is_no_graph() -> None:
    capture = trace(classifier(), pictures(), ["0.1"]).capture(1)
    point, images = capture.activations["0.1"].clone().requires_grad_(), torch.arange(2)
    with torch.no_grad():
        assert not capture.resume("0.1")(point, images).requires_grad
    assert capture.resume("0.1")(point, images).requires_grad
    with torch.inference_mode():
        assert not capture.resume("0.1")(point, images).is_inference()


def test_collected_outputs_are_those_of_each_call() -> None:
    net, x = Twice().double().eval(), pictures(2)
    capture = trace(net, x, ["norm"]).capture(1)
    network, images = capture.resume("norm"), torch.tensor([1, 0, 1])
    assert [call.name for call in network.calls] == ["relu", "second", "relu", "second", "relu", "third", "fc"]
    wanted = [network.calls[3], network.calls[0], network.calls[5]]
    activation = changed_activations(capture, "norm", images).requires_grad_()
    logits, outputs = network.run_with_outputs(activation, images, wanted)
    start = activation.detach().relu()
    second = net.second(net.second(start).relu())
    for mine, own in zip(outputs, (second, start, net.third(second.relu())), strict=True):
        torch.testing.assert_close(mine.detach(), own.detach())  # before the ReLU changes it in place
    torch.testing.assert_close(logits.detach(), with_output(net, x[images], "norm", activation.detach()))
    gradients = torch.autograd.grad(logits[:, 1].sum(), outputs)
    expected = net.fc.weight[1, :, None, None] / 80
    torch.testing.assert_close(gradients[2], expected.expand(3, 4, 8, 10).detach())


def test_earlier_calls_are_not_collected() -> None:
    net, x = Twice().double().eval(), pictures(2)
    capture, images = trace(net, x, ["second"]).capture(1), torch.tensor([1, 0, 1])
    network = capture.resume("second")  # its second call; the ReLU has run twice by then
    assert [call.name for call in network.calls] == ["relu", "third", "fc"]
    changed = changed_activations(capture, "second", images)
    with torch.no_grad():
        _, (relu, third) = network.run_with_outputs(changed, images, network.calls[:2])
        torch.testing.assert_close(relu, changed.relu())
        torch.testing.assert_close(third, net.third(changed.relu()))


def test_a_layer_that_is_not_called_when_the_network_is_resumed_is_an_error() -> None:
    class ByMode(Parts):
        """Takes another path where there are gradients."""

        def forward(self, x: Tensor) -> Tensor:
            features = self.first(x)
            if torch.is_grad_enabled():
                return self.head(functional.conv2d(features, self.second.weight, self.second.bias, padding=1))
            return self.head(self.second(features))

    capture = trace(ByMode().double(), pictures(2), ["second"]).capture(1)
    images, activation = torch.arange(2), capture.activations["second"]
    with torch.no_grad():
        torch.testing.assert_close(capture.resume("second")(activation, images), capture.logits)
    with pytest.raises(ExplainError, match="'second' is then not called as it was before"):
        capture.resume("second")(activation * 0, images)


@pytest.mark.parametrize("own", [False, True])
def test_a_failure_in_the_middle_leaves_the_network_whole(own: bool) -> None:
    net, x = classifier(), pictures(2)
    capture = trace(net, x, ["0.2", "0.6"]).capture(1)
    network, images = capture.resume("0.2"), torch.arange(2)
    with pytest.raises((ExplainError, RuntimeError)):
        network(torch.zeros(2, 5, 8, 10, dtype=torch.float64) if own else torch.zeros(2, 4, 8, 10)[:, :3], images)
    torch.testing.assert_close(network(capture.activations["0.2"], images), capture.logits)
    torch.testing.assert_close(explain(net, x, ["0.6"], ["gradcam"]).logits, net(x).float())


class TokensFirst(nn.Module):
    """Has an output whose first dimension is not the batch, though it is as long."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.turn, self.conv, self.fc = nn.Conv2d(3, 2, 1), Turn(), nn.Conv2d(2, 2, 1), nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        features = self.stem(x)
        weights = self.turn(features)  # (C, B): both 2
        return self.fc(self.conv(features).mean((2, 3)) * weights.T)


class Turn(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)).T


def test_an_input_that_is_read_after_the_layer_is_that_of_the_examples_image() -> None:
    class Bright(Parts):
        def forward(self, x: Tensor) -> Tensor:
            features = self.second(self.first(x))
            return self.head(features * 3 if x.mean() > 0.5 else features)

    net = Bright().double()
    for shift in (0, 1, 0):
        x = pictures(2) + shift
        capture, images = trace(net, x, ["second"]).capture(1), torch.tensor([1, 0])
        changed = changed_activations(capture, "second", images)
        expected = with_output(net, x[images], "second", changed)
        torch.testing.assert_close(capture.resume("second")(changed, images), expected)


@pytest.mark.parametrize("batch", [2, 3])
def test_a_network_that_cannot_be_resumed_for_images_in_any_order_is_refused(batch: int) -> None:
    net = TokensFirst().double()
    with pytest.raises(
        ExplainError, match=r"can't be resumed after 'conv' \(.*\), so methods that change activations"
    ):
        explain(net, pictures(batch), ["conv"], ["ablationcam"], 1)
    assert explain(net, pictures(batch), ["conv"], ["gradcam"], 1).maps["conv", "gradcam"].abs().max() > 0


def test_a_hook_of_the_users_that_would_run_twice_is_refused_rather_than_wrong() -> None:
    net = classifier()
    net[0][1].register_forward_hook(lambda module, inputs, output: output * 2)
    with pytest.raises(ExplainError, match="can't be resumed"):
        explain(net, pictures(), ["0.1"], ["ablationcam"], 1)
    assert explain(net, pictures(), ["0.4"], ["ablationcam"], 1).maps["0.4", "ablationcam"].abs().max() > 0


def test_a_layer_inside_a_block_with_a_fast_path_is_given_its_activation() -> None:
    class Encoder(nn.Module):
        """nn.TransformerEncoderLayer calls none of its modules where none has a hook."""

        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.patch = nn.Conv2d(3, 8, 4, stride=4)
            self.block, self.fc = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.block(self.patch(x).flatten(2).transpose(1, 2)).mean(1))

    net, x, grid = Encoder().double().eval(), pictures(2, 8, 12), TokenGrid(2, 3)
    capture = trace(net, x, ["block.norm1"], reshape=grid).capture(1)
    images = torch.tensor([1, 1, 0])
    changed = changed_activations(capture, "block.norm1", images)
    with torch.no_grad():
        logits = capture.resume("block.norm1")(changed, images)
    torch.testing.assert_close(
        logits, with_output(net, x[images], "block.norm1", changed.flatten(2).transpose(1, 2))
    )


def test_a_plain_function_as_reshape_has_no_inverse() -> None:
    net, x = classifier(), pictures()
    with pytest.raises(LayerError, match="needs the inverse of the reshape"):
        explain(net, x, ["0.6"], ["ablationcam"], reshape=lambda output: output * 1)
    assert explain(net, x, ["0.6"], ["gradcam"], reshape=lambda output: output * 1).maps


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_float32_and_bfloat16_networks_are_resumed(precision: str) -> None:
    net, x = classifier(dtype=torch.float32), pictures(2, dtype=torch.float32)
    capture = trace(net, x, ["0.1", "0.6"], precision).capture(1)
    images = torch.tensor([1, 0, 1])
    for layer in ("0.1", "0.6"):
        changed = changed_activations(capture, layer, images)
        logits = capture.resume(layer)(changed, images)
        assert logits.dtype == torch.float32
        expected = with_output(net, x[images], layer, changed)
        torch.testing.assert_close(logits, expected, atol=1e-5 if precision == "fp32" else 0.02, rtol=0)
