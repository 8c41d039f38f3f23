"""Which outputs count as feature maps, and how a layer is described."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from analysis.explain.engine.feature_map import LayerInfo, layer_info, why_not_spatial

X = torch.zeros(2, 3, 224, 160)


@pytest.mark.parametrize(("height", "width", "stride"), [(7, 5, 32), (224, 160, 1), (9, 6, 25), (300, 214, 1)])
def test_a_layer_is_described_by_its_output(height: int, width: int, stride: int) -> None:
    info = layer_info("layer4", torch.zeros(2, 512, height, width), X)
    assert info == LayerInfo("layer4", 512, height, width, stride)


@pytest.mark.parametrize("shape", [(2, 8, 14, 10), (2, 8, 14, 11), (2, 8, 7, 5), (2, 8, 1, 1), (2, 160, 224, 160)])
def test_outputs_with_the_aspect_ratio_of_the_input_are_maps(shape: tuple[int, ...]) -> None:
    assert why_not_spatial(nn.Conv2d(1, 1, 1), torch.zeros(shape), X) is None


@pytest.mark.parametrize(
    ("module", "output", "reason"),
    [
        (nn.Identity(), (torch.zeros(2, 8, 14, 10),), "its output is a tuple, not one tensor"),
        (nn.Identity(), {"out": torch.zeros(2, 8, 14, 10)}, "its output is a dict"),
        (nn.Identity(), torch.zeros(2, 197, 768), r"shape (B, 197, 768), tokens .* reshape=TokenGrid(14, 14"),
        (nn.Identity(), torch.zeros(2, 10), "shape (B, 10), not (B, C, h, w)"),
        (nn.Identity(), torch.zeros(2, 3, 4, 5, 6), "shape (B, 3, 4, 5, 6), not"),
        (nn.Linear(2, 2), torch.zeros(2, 14, 10, 14), "(B, 14, 10, 14) has the channels last"),
        (nn.LayerNorm(8), torch.zeros(2, 8, 14, 10), "has the channels last (reshape=channels_last"),
        (nn.Identity(), torch.zeros(2, 14, 10, 96), "does not have the input's aspect ratio"),
    ],
)
def test_other_outputs_are_no_maps_for_a_reason(module: nn.Module, output: Any, reason: str) -> None:
    text = why_not_spatial(module, output, X)
    assert text is not None
    position = 0
    for part in reason.split(" .* "):
        position = text.index(part, position)


def test_a_layer_norm_over_channels_that_come_first_is_no_linear_layer() -> None:
    class LayerNorm2d(nn.LayerNorm):
        """torchvision's, which permutes before and after."""

    assert why_not_spatial(LayerNorm2d(8), torch.zeros(2, 8, 14, 10), X) is None
