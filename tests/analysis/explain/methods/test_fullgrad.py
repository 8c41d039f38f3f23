"""FullGrad: no part of the score is missing, a network worked out by hand, and finite differences."""

from __future__ import annotations

import pytest
import torch
import torchvision.models as zoo
from torch import Tensor, nn

from analysis.explain.methods.fullgrad import FULLGRAD, _spread, full_gradients
from analysis.explain.methods.hirescam import HIRESCAM
from tests.analysis.explain.networks import classifier, pictures
from tests.analysis.explain.perturbing import layer_capture

PAIR = (torch.tensor([0, 1]), torch.tensor([2, 0]))


def assert_complete(net: nn.Module, x: Tensor, layer: str, targets) -> None:
    capture = layer_capture(net, x, layer, targets)
    maps, dense = full_gradients(capture, layer)
    torch.testing.assert_close(maps.sum((1, 2)) + dense, capture.scores(), rtol=1e-10, atol=1e-10)
    assert torch.equal(FULLGRAD.maps(capture, layer), maps)


def untrained(net: nn.Module) -> nn.Module:
    """Biases and statistics far from 0 and 1, so that each of them is seen to be missing."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, tensor in [*net.named_parameters(), *net.named_buffers()]:
            if name.endswith(("bias", "running_mean")):
                tensor.normal_(0, 0.3, generator=generator)
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 2, generator=generator)
    return net.double().eval()


@pytest.mark.parametrize("layer", ["0.0", "0.1", "0.2", "0.3", "0.4", "0.6"])
@pytest.mark.parametrize("targets", [1, PAIR])
def test_map_and_dense_biases_add_up_to_the_score(layer: str, targets) -> None:
    assert_complete(classifier(), pictures(), layer, targets)


ZOO = {
    "resnet18": ["relu", "layer1", "layer4"],
    "squeezenet1_1": ["features.2", "features.12"],
    "densenet121": ["features.denseblock1", "features.denseblock4"],
    "mobilenet_v2": ["features.1", "features.18"],
    "googlenet": ["inception3a", "inception5b"],
}


@pytest.mark.parametrize("name", ZOO)
def test_nothing_is_missing_in_torchvision_networks(name: str) -> None:
    torch.manual_seed(0)
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    net = untrained(getattr(zoo, name)(weights=None, num_classes=5, **options))
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    for layer in ZOO[name]:
        assert_complete(net, x, layer, torch.tensor([1, 4]))


def test_a_layer_beside_a_shortcut_misses_what_the_shortcut_carries() -> None:
    torch.manual_seed(0)
    net = untrained(zoo.resnet18(num_classes=5))
    capture = layer_capture(net, torch.randn(2, 3, 64, 64, dtype=torch.float64), "layer2.0.conv1", 1)
    maps, dense = full_gradients(capture, "layer2.0.conv1")
    assert maps.isfinite().all()
    assert (maps.sum((1, 2)) + dense - capture.scores()).abs().min() > 1e-6


def test_nothing_is_missing_in_efficientnet_lite() -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    net = untrained(timm.create_model("efficientnet_lite0", num_classes=5))
    for layer in ("blocks.0", "blocks.3", "blocks.6", "bn2"):
        assert_complete(net, torch.randn(2, 3, 64, 64, dtype=torch.float64), layer, torch.tensor([1, 4]))


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.conv, self.act = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(inplace=True)
        self.norm, self.fc = nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.first(x))
        x = self.norm(x + self.act(self.conv(self.act(self.conv(x)))))
        return self.fc(nn.functional.max_pool2d(x, 2).mean((2, 3)))


def test_a_module_used_twice_counts_twice() -> None:
    torch.manual_seed(0)
    assert_complete(untrained(Twice()), pictures(), "first", PAIR)


def test_unfolded_batchnorm_hardtanh_and_no_affine_part() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.ReLU(),
        nn.BatchNorm2d(4),
        nn.Hardtanh(-0.2, 0.3),
        nn.BatchNorm2d(4, affine=False),
        nn.ConvTranspose2d(4, 2, 4, stride=3),
        nn.LeakyReLU(0.1),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.BatchNorm1d(2, affine=False),
        nn.Linear(2, 3),
    )
    assert_complete(untrained(net), pictures(), "1", PAIR)


def by_hand() -> nn.Module:
    """One channel, A = x; doubled with bias 3 (b), negative cells cut; all cells added up, times 5, plus 7."""
    net = nn.Sequential(nn.Conv2d(3, 1, 1), nn.Conv2d(1, 1, 1), nn.ReLU(), nn.Flatten(), nn.Linear(4, 1)).double()
    with torch.no_grad():
        net[0].weight[:], net[0].bias[:] = torch.tensor([1.0, 0, 0])[:, None, None], 0
        net[1].weight[:], net[1].bias[:] = 2, 3
        net[4].weight[:], net[4].bias[:] = 5, 7
    return net.eval()


def test_by_hand() -> None:
    x = torch.zeros(1, 3, 2, 2, dtype=torch.float64)
    x[0, 0] = torch.tensor([[1.0, -1.0], [-4.0, 0.5]])
    # alive where 2 x + 3 > 0: x dy/dx = 10 x, bias 3 dy/dz = 15; the cell of -4 is cut
    maps, dense = full_gradients(layer_capture(by_hand(), x, "0", 0), "0")
    assert maps[0].tolist() == [[25, 5], [0, 20]]
    assert dense.tolist() == [7]


def test_a_bias_gradient_is_what_the_score_does_when_that_bias_moves() -> None:
    """Scaling all biases after the layer by 1 + e moves the score by e times the bias terms."""
    net, x, step = classifier(), pictures(), 1e-6
    capture = layer_capture(net, x, "0.4", 2)
    maps, dense = full_gradients(capture, "0.4")
    parts = maps.sum((1, 2)) + dense - (capture.activations["0.4"] * capture.gradients["0.4"]).sum((1, 2, 3))
    scores = []
    for sign in (1, -1):
        moved = classifier()
        with torch.no_grad():
            for norm in (moved[0][5], moved[1][2]):
                slope = norm.weight / (norm.running_var + norm.eps).sqrt()
                norm.bias += sign * step * (norm.bias - slope * norm.running_mean)
            scores.append(moved[1](moved[0][5:](capture.activations["0.4"].clone()))[:, 2])
    torch.testing.assert_close(parts, (scores[0] - scores[1]) / (2 * step), rtol=1e-6, atol=1e-9)


def test_without_spatial_biases_after_the_layer_it_is_hirescam() -> None:
    capture = layer_capture(classifier(), pictures(), "0.6", 1)
    torch.testing.assert_close(FULLGRAD.maps(capture, "0.6"), HIRESCAM.maps(capture, "0.6"))


@pytest.mark.parametrize("size", [(3, 5), (7, 4), (1, 1), (2, 10), (9, 13)])
def test_spreading_keeps_the_sum_of_every_cell(size: tuple[int, int]) -> None:
    cells = torch.eye(15, dtype=torch.float64).view(15, 3, 5)
    spread = _spread(cells, *size)
    torch.testing.assert_close(spread.sum((1, 2)), torch.ones(15, dtype=torch.float64))
    assert (spread >= 0).all()
    if size == (3, 5):
        assert torch.equal(spread, cells)


def test_spreading_keeps_the_place() -> None:
    corner = torch.zeros(1, 3, 3)
    corner[0, 0, 2] = 1
    rows, columns = torch.meshgrid(torch.arange(12.0), torch.arange(12.0), indexing="ij")
    spread = _spread(corner, 12, 12)[0]
    assert abs((spread * rows).sum() - 1.5) < 0.8
    assert abs((spread * columns).sum() - 9.5) < 0.8
