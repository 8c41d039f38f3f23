"""Which layers are listed, in which order, and which of them are stages."""

from __future__ import annotations

import pytest
import torch
import torchvision.models as zoo
from torch import nn

from analysis.explain.engine.feature_map import LayerInfo
from analysis.explain.engine.layers import explainable_layers, stage_layers, trunk
from analysis.explain.errors import LayerError
from tests.analysis.explain.networks import classifier, hooks_of, pictures

STAGES = {
    "resnet18": "relu layer1 layer2 layer3 layer4",
    "resnet50": "relu maxpool layer1 layer2 layer3 layer4",
    "densenet121": "features.relu0 features.pool0 features.denseblock1 features.transition1 features.denseblock2"
    " features.transition2 features.denseblock3 features.transition3 features.norm5",
    "mobilenet_v2": " ".join(f"features.{at}" for at in (0, 1, 3, 6, 10, 13, 16, 17, 18)),
    "efficientnet_b0": " ".join(f"features.{at}" for at in range(9)),
    "convnext_tiny": "features.1 features.3 features.5 features.7",
}


@pytest.mark.parametrize("name", STAGES)
def test_stages_of_torchvision_networks(name: str) -> None:
    model = getattr(zoo, name)(weights=None)
    stages = stage_layers(model, torch.randn(1, 3, 64, 64))
    assert " ".join(info.name for info in stages) == STAGES[name]


def test_layers_of_a_small_network_in_the_order_of_their_first_output() -> None:
    net = classifier()
    assert explainable_layers(net, pictures()) == [
        LayerInfo("0.0", 4, 8, 10, 1),
        LayerInfo("0.1", 4, 8, 10, 1),
        LayerInfo("0.2", 4, 8, 10, 1),
        LayerInfo("0.3", 4, 4, 5, 2),
        LayerInfo("0.4", 6, 4, 5, 2),
        LayerInfo("0.5", 6, 4, 5, 2),
        LayerInfo("0.6", 6, 4, 5, 2),
        LayerInfo("0", 6, 4, 5, 2),
    ]
    stages = [info.name for info in stage_layers(net, pictures())]
    assert stages == ["0.2", "0.3", "0.6"]


def test_channels_last_outputs_are_no_feature_maps() -> None:
    layers = explainable_layers(zoo.convnext_tiny(weights=None), torch.randn(1, 3, 96, 96))
    shapes = {(info.channels, info.height) for info in layers}
    assert shapes == {(96, 24), (192, 12), (384, 6), (768, 3), (192, 12), (384, 6), (768, 3)}
    assert all(info.height == info.width for info in layers)


def test_rounding_the_sides_of_an_oblong_picture_keeps_its_layers() -> None:
    halving = [nn.Conv2d(3, 3, 3, stride=2, padding=1) for _ in range(4)]
    layers = explainable_layers(nn.Sequential(*halving), torch.randn(1, 3, 50, 70))
    assert [(info.height, info.width) for info in layers] == [(25, 35), (13, 18), (7, 9), (4, 5)]
    assert [info.stride for info in layers] == [2, 4, 7, 12]


def test_a_linear_whose_channels_equal_its_grid_is_still_channels_last() -> None:
    class ChannelsLast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.mix, self.norm = nn.Conv2d(3, 8, 1), nn.Linear(8, 8), nn.LayerNorm(8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(self.mix(self.conv(x).permute(0, 2, 3, 1))).mean((1, 2))

    assert [info.name for info in explainable_layers(ChannelsLast(), torch.randn(1, 3, 8, 8))] == ["conv"]


def test_a_shared_module_stands_where_it_was_first_called_with_its_last_shape() -> None:
    relu = nn.ReLU(inplace=True)
    body = nn.Sequential(nn.Conv2d(3, 4, 1), relu, nn.Conv2d(4, 5, 2, stride=2), relu)
    layers = explainable_layers(body, torch.randn(1, 3, 8, 8))
    assert [(info.name, info.channels, info.height) for info in layers] == [("0", 4, 8), ("1", 5, 4), ("2", 5, 4)]


def test_the_model_is_left_as_it_was_also_when_nothing_is_found() -> None:
    net = classifier().train()
    with torch.inference_mode():
        explainable_layers(net, pictures())
    assert all(module.training for module in net.modules())
    assert hooks_of(net) == 0
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3, 2)).train()
    with pytest.raises(LayerError, match="convolutional network"):
        explainable_layers(flat, torch.randn(2, 3, 1, 1))
    assert flat[1].training
    assert hooks_of(flat) == 0


def info(name: str, *shape: int) -> LayerInfo:
    return LayerInfo(name, *shape, 1)


def test_stages_open_lists_that_are_never_called_and_containers_of_many_resolutions() -> None:
    layers = [
        info("stem.conv", 8, 32, 32),
        info("stem", 8, 32, 32),
        info("blocks.0.a", 8, 32, 32),  # "blocks" itself is a ModuleList: no output of its own
        info("blocks.0", 16, 16, 16),
        info("blocks.1", 24, 16, 16),
        info("trunk.0", 16, 8, 8),
        info("trunk.1", 16, 4, 4),
        info("trunk.2", 16, 2, 2),
        info("trunk", 16, 2, 2),
    ]
    assert " ".join(found.name for found in trunk(layers)) == ("stem blocks.0 blocks.1 trunk.0 trunk.1 trunk.2")


def test_stages_keep_a_transition_of_two_resolutions_whole() -> None:
    layers = [
        info("a", 8, 32, 32),
        info("down.norm", 8, 32, 32),
        info("down.pool", 8, 16, 16),
        info("down", 8, 16, 16),
    ]
    assert [found.name for found in trunk(layers)] == ["a", "down"]
    assert trunk([]) == []
