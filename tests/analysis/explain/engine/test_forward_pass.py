"""One pass stores outputs, gradients and what resuming needs, and notices a network that takes another path."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from analysis.explain.engine.forward_pass import ForwardPass, OtherPath
from analysis.explain.engine.preparation import prepare
from analysis.explain.engine.tokens import channels_last
from analysis.explain.errors import LayerError
from tests.analysis.explain.networks import classifier, hooks_of, pictures, split
from tests.analysis.explain.oracles import by_hand

LAYERS = ["0.1", "0.6"]


def run(net: nn.Module, x: Tensor, layers: list[str], **options: bool) -> ForwardPass:
    return ForwardPass(prepare(net, x, wanted=layers), x, layers, **options)


def test_activations_logits_and_gradients_are_those_of_plain_autograd() -> None:
    net, x = classifier(), pictures(3)
    forward_pass = run(net, x, LAYERS)
    targets = torch.tensor([2, 0, 1])
    gradients = forward_pass.gradients(torch.eye(3, dtype=x.dtype)[targets], LAYERS, keep=False)
    for layer in LAYERS:
        logits, activation, gradient = by_hand(net, x, layer, targets)
        torch.testing.assert_close(forward_pass.logits, logits)
        torch.testing.assert_close(forward_pass.activation(layer), activation)
        torch.testing.assert_close(gradients[layer], gradient)
        assert not forward_pass.activation(layer).requires_grad


def test_a_gradient_is_linear_in_the_weights_of_the_logits() -> None:
    forward_pass = run(classifier(), pictures(2), LAYERS)
    first, second = torch.randn(2, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    parts = [forward_pass.gradients(weights, ["0.1"], keep=True)["0.1"] for weights in (first, second)]
    whole = forward_pass.gradients(2 * first - second, ["0.1"], keep=False)["0.1"]
    torch.testing.assert_close(whole, 2 * parts[0] - parts[1])


def test_the_graph_is_kept_only_on_request() -> None:
    weights = torch.ones(2, 3, dtype=torch.float64)
    forward_pass = run(classifier(), pictures(2), LAYERS)
    forward_pass.gradients(weights, ["0.1"], keep=False)
    refused = forward_pass.gradients(weights, ["0.1"], keep=False)
    assert dict(refused) == {}
    assert "can't be differentiated after 0.1" in refused.refusals["0.1"]


def test_without_gradients_there_is_no_graph_and_each_layer_says_so() -> None:
    forward_pass = run(classifier(), pictures(2), LAYERS, gradients=False)
    assert not any(output.requires_grad for output in forward_pass.outputs.values())
    gradients = forward_pass.gradients(torch.ones(2, 3, dtype=torch.float64), LAYERS, keep=False)
    assert list(gradients.refusals) == LAYERS
    with pytest.raises(LayerError, match=r"no gradient reaches layer '0\.1'"):
        gradients["0.1"]


def test_layers_without_a_map_are_refused_and_the_others_recorded() -> None:
    net, x = classifier(), pictures()
    forward_pass = run(net, x, ["1.2", "0.6"])
    assert forward_pass.layers == ("0.6",)
    assert "(BatchNorm1d) has no map" in forward_pass.refusals["1.2"]
    with pytest.raises(LayerError, match=r"'1\.2' .*'1\.4' "):
        run(net, x, ["1.2", "1.4"])


def test_a_layer_is_resumed_on_its_own_activation() -> None:
    net, x = classifier(), pictures(3)
    _, back = split(classifier(inplace=False), 1)
    forward_pass = run(net, x, LAYERS)
    network = forward_pass.resume("0.1")
    assert network is forward_pass.resume("0.1")
    images, activation = torch.tensor([2, 0]), forward_pass.activation("0.1")[[2, 0]] * 0.5
    with torch.no_grad():
        torch.testing.assert_close(network(activation, images), back(activation))
    assert forward_pass.prepared.checked_layers == {"0.1"}


@pytest.mark.parametrize("failing", [False, True])
def test_no_hook_is_left_on_the_prepared_network(failing: bool) -> None:
    class Fragile(nn.Module):
        fails = False

        def forward(self, x: Tensor) -> Tensor:
            if Fragile.fails:
                raise ZeroDivisionError
            return x

    net, x = nn.Sequential(*classifier(), Fragile()), pictures()
    prepared = prepare(net, x, wanted=LAYERS)
    Fragile.fails = failing
    if failing:
        with pytest.raises(ZeroDivisionError):
            ForwardPass(prepared, x, LAYERS)
    else:
        ForwardPass(prepared, x, LAYERS)
    assert hooks_of(prepared.network) == 0
    assert not torch.is_inference_mode_enabled()


class Path(nn.Module):
    """A network that leaves out, repeats or overwrites a layer, depending on the mean of its input."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.fc = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        case = round(float(x.mean()))
        features = self.first(x)
        for _ in range((1, 0, 2, 1)[case]):
            features = self.second(features)
        if case == 3:
            features.mul_(2)
        return self.fc(features.mean((2, 3)))


@pytest.mark.parametrize(
    ("case", "layers", "reason"),
    [
        (1, ["second"], "is part of the model but is not called for this input"),
        (2, ["second"], "is not called as often each time"),
        (3, ["second"], "is changed in place"),
    ],
)
def test_another_path_than_the_recorded_one_is_noticed(case: int, layers: list[str], reason: str) -> None:
    net, x = Path().double(), pictures() * 0.01
    prepared = prepare(net, x, wanted=layers)
    ForwardPass(prepared, x, layers)
    with pytest.raises(OtherPath, match=reason):
        ForwardPass(prepared, x + case, layers, gradients=False)
    if case > 1:
        exact = ForwardPass(prepared.recorded(x + case), x + case, layers, exact=True)
        torch.testing.assert_close(exact.logits, net(x + case).detach())


def test_a_reshape_is_applied_to_activations_and_gradients() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix, self.fc = nn.Linear(3, 4), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.mix(x.permute(0, 2, 3, 1)).mean((1, 2)))

    net, x = Last().double(), pictures()
    forward_pass = ForwardPass(prepare(net, x), x, ["mix"], reshape=channels_last)
    torch.testing.assert_close(forward_pass.activation("mix"), net.mix(x.movedim(1, 3)).movedim(3, 1).detach())
    weights = torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64).expand(2, 3)
    expected = (net.fc.weight[1] / 80)[None, :, None, None].expand(2, 4, 8, 10).detach()
    torch.testing.assert_close(forward_pass.gradients(weights, ["mix"], keep=False)["mix"], expected)
