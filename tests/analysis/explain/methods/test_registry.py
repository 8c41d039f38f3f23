"""What holds for every method in the registry."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.explain import explain
from analysis.explain.errors import HeadError
from analysis.explain.methods import METHODS
from analysis.explain.probe import Probe
from tests.analysis.explain.networks import classifier, hooks_of, pictures

CLASSES = 5
INNER, LAST = "0.3", "0.6"
CHANNELS = {INNER: 4, LAST: 6}
ONLY_AT_THE_LAST_LAYER = {"cam", "bookcam"}
every_method = pytest.mark.parametrize("name", METHODS)


def network(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    return classifier(dtype=dtype, classes=CLASSES)


def probes() -> Mapping[str, Probe]:
    rng = np.random.default_rng(0)
    return {
        layer: Probe(
            rng.normal(size=(CLASSES, channels)).astype(np.float32),
            rng.normal(size=CLASSES).astype(np.float32),
            accuracy=0.9,
        )
        for layer, channels in CHANNELS.items()
    }


def layers_of(name: str) -> list[str]:
    return [LAST] if name in ONLY_AT_THE_LAST_LAYER else [INNER, LAST]


def maps(name: str, x: Tensor, net: nn.Module | None = None, targets=None) -> dict[str, Tensor]:
    found = explain(net or network(x.dtype), x, layers_of(name), [name], targets, probes=probes()).maps
    return {layer: found[layer, name] for layer in layers_of(name)}


def images(count: int = 3) -> Tensor:
    return pictures(count, dtype=torch.float32)


def test_methods_are_registered_under_their_own_names() -> None:
    assert {
        "cam", "bookcam", "gradcam", "gradcam++", "xgradcam", "hirescam", "layercam", "eigencam", "eigengradcam",
        "kpcacam", "finercam", "shapleycam", "probecam",
    } <= set(METHODS)  # fmt: skip
    assert all(name == method.name for name, method in METHODS.items())


@every_method
def test_it_has_a_description(name: str) -> None:
    method = METHODS[name]
    for text in (method.title, method.paper, method.formula, method.about, method.prefer):
        assert text.strip() == text
        assert text
    assert method.url.startswith("https://")
    assert any(character.isdigit() for character in method.paper), "the paper's year"
    assert method.formula.count("{") == method.formula.count("}")
    assert "\n" not in method.formula
    for text in (method.about, method.prefer):
        assert text.endswith(".")
        assert "  " not in text, "two spaces where a line was joined"


@every_method
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_dtype_and_device(name: str, dtype: torch.dtype) -> None:
    x = pictures(3, dtype=dtype)
    for each in maps(name, x).values():
        assert each.shape == (3, 4, 5)
        assert each.dtype == torch.float32
        assert each.device == x.device
        assert not each.requires_grad
        assert each.isfinite().all()
        assert each.abs().sum() > 0


@every_method
def test_a_batch_has_the_maps_of_its_images_one_by_one(name: str) -> None:
    x, targets = images(), torch.tensor([4, 0, 2])
    together = maps(name, x, targets=targets)
    for image in range(3):
        alone = maps(name, x[image : image + 1], targets=targets[image : image + 1])
        for layer, each in alone.items():
            scale = together[layer][image].abs().max().item()
            torch.testing.assert_close(each[0], together[layer][image], rtol=1e-3, atol=1e-4 * scale)


@every_method
def test_a_contrast_is_accepted(name: str) -> None:
    x, first, second = images(), torch.tensor([4, 0, 2]), torch.tensor([1, 2, 0])
    contrast = maps(name, x, targets=(first, second))
    again = maps(name, x[1:2], targets=(0, 2))
    for layer, each in contrast.items():
        assert each.isfinite().all()
        scale = each.abs().max().item()
        torch.testing.assert_close(each[1], again[layer][0], rtol=1e-3, atol=1e-4 * scale)
    nothing = maps(name, x, targets=(3, 3))  # a class beside itself: a score of zero, with a gradient of zero
    assert all(each.isfinite().all() for each in nothing.values())


@every_method
def test_the_same_question_has_the_same_answer(name: str) -> None:
    net, x = network(), images()
    first = maps(name, x, net)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = maps(name, x, net)
    assert torch.equal(torch.get_rng_state(), before), "it took from the caller's random numbers"
    for layer, each in first.items():
        assert torch.equal(each, second[layer])


@every_method
def test_the_model_is_left_as_it_was(name: str) -> None:
    net = network()
    net.train()
    net[0][1].eval()
    net[0][4].weight.requires_grad_(False)
    net[1][4].weight.grad = torch.ones_like(net[1][4].weight)
    modes = [module.training for module in net.modules()]
    wants = [parameter.requires_grad for parameter in net.parameters()]
    state = {key: value.clone() for key, value in net.state_dict().items()}
    attributes = [set(module.__dict__) for module in net.modules()]
    x = images()
    kept = x.clone()
    maps(name, x, net)
    assert [module.training for module in net.modules()] == modes
    assert [parameter.requires_grad for parameter in net.parameters()] == wants
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    assert [set(module.__dict__) for module in net.modules()] == attributes
    assert hooks_of(net) == 0
    assert torch.equal(net[1][4].weight.grad, torch.ones_like(net[1][4].weight))
    assert all(parameter.grad is None for parameter in net.parameters() if parameter is not net[1][4].weight)
    assert torch.equal(x, kept)
    assert not x.requires_grad


@every_method
def test_an_activation_is_never_written_into(name: str) -> None:
    """Each method asked after itself and after the others, from one pass."""
    net, x = network(), images()
    layers = layers_of(name)
    alone = explain(net, x, layers, [name], probes=probes()).maps
    others = [other for other in METHODS if other not in ONLY_AT_THE_LAST_LAYER or layers == [LAST]]
    shared = explain(net, x, layers, [*others, name], probes=probes()).maps
    for layer in layers:
        scale = alone[layer, name].abs().max().item()
        torch.testing.assert_close(shared[layer, name], alone[layer, name], rtol=1e-4, atol=1e-5 * scale)


@every_method
def test_a_dead_network_has_finite_maps(name: str) -> None:
    """Every activation after the first ReLU is zero, and so are most denominators."""
    net = network()
    with torch.no_grad():
        for norm in (net[0][1], net[0][5]):
            norm.weight.zero_()
            norm.bias.fill_(-1)
    for targets in (None, 1, (1, 0)):
        for each in maps(name, images(), net, targets).values():
            assert each.isfinite().all()


@every_method
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_picture_of_one_colour_has_finite_maps(name: str, value: float) -> None:
    x = torch.full((2, 3, 8, 10), value)
    for targets in (None, (1, 0)):
        assert all(each.isfinite().all() for each in maps(name, x, targets=targets).values())


@every_method
def test_a_layer_is_refused_only_where_the_method_does_not_exist_there(name: str) -> None:
    if name in ONLY_AT_THE_LAST_LAYER:
        with pytest.raises(HeadError):
            explain(network(), images(1), [INNER], [name])
    else:
        assert maps(name, images(1))[INNER].shape == (1, 4, 5)
