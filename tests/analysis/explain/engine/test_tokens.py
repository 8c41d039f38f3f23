"""Tokens as a map and back, and networks whose attributes say how their tokens are arranged."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision.models as zoo
from torch import Tensor, nn

from analysis.explain.engine.layers import explainable_layers
from analysis.explain.engine.tokens import TokenGrid, channels_last, network_reshape, reshape_of
from analysis.explain.errors import LayerError
from analysis.explain.trace import explain, trace
from tests.analysis.explain.oracles import by_hand


def test_tokens_are_arranged_row_by_row_after_the_prefix() -> None:
    tokens = torch.arange(2 * 7 * 3.0).view(2, 7, 3)
    values = TokenGrid(2, 3, prefix=1)(tokens)
    assert values.shape == (2, 3, 2, 3)
    for row in range(2):
        for column in range(3):
            assert torch.equal(values[:, :, row, column], tokens[:, 1 + 3 * row + column])


def test_the_inverse_replaces_the_cells_and_keeps_the_prefix() -> None:
    grid, tokens, values = TokenGrid(2, 3, 1), torch.randn(2, 7, 4), torch.randn(2, 4, 2, 3)
    back = grid.inverse(values, tokens)
    assert torch.equal(grid(back), values)
    assert torch.equal(back[:, 0], tokens[:, 0])
    output = torch.randn(2, 5, 6, 4)
    assert torch.equal(channels_last(output), output.permute(0, 3, 1, 2))
    assert torch.equal(channels_last.inverse(channels_last(output), output), output)


def test_another_shape_is_refused() -> None:
    with pytest.raises(
        LayerError, match=r"TokenGrid\(height=2, width=3, prefix=1\) expects .*\(B, 7, C\).*\(2, 6, 4\)"
    ):
        TokenGrid(2, 3, 1)(torch.zeros(2, 6, 4))
    with pytest.raises(LayerError, match="channels_last expects"):
        channels_last(torch.zeros(2, 6, 4))


def test_a_reshape_for_all_layers_or_by_layer() -> None:
    grid = TokenGrid(1, 1)
    assert reshape_of(grid, "a") is grid
    assert reshape_of({"a": grid}, "a") is grid
    assert reshape_of({"a": grid}, "b") is None
    assert reshape_of(None, "a") is None


def torchvision_vit() -> tuple[nn.Module, str, str]:
    net = zoo.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=3)
    nn.init.normal_(net.heads[0].weight)
    return net, "encoder.layers.encoder_layer_0", "encoder.layers.encoder_layer_1"


def torchvision_swin() -> tuple[nn.Module, str, str]:
    return zoo.SwinTransformer([4, 4], 12, [1, 1], [2, 2], [4, 4], num_classes=3), "features.1", ""


def timm_vit() -> tuple[nn.Module, str, str]:
    timm = pytest.importorskip("timm")
    net = timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=3, reg_tokens=2
    )
    return net, "blocks.0", "blocks.1"


def timm_swin() -> tuple[nn.Module, str, str]:
    timm = pytest.importorskip("timm")
    swin = timm.models.SwinTransformer
    return swin(32, 4, embed_dim=12, depths=(1, 1), num_heads=(2, 2), window_size=4, num_classes=3), "layers.0", ""


def tokens_by_hand(values: Tensor) -> Tensor:
    """(B, N, C) or (B, h, w, C) of a square picture as (B, C, h, w), written once more."""
    if values.ndim == 3:
        side = int(values.shape[1] ** 0.5)
        rows = values[:, -side * side :].split(side, dim=1)
        return torch.stack([row.transpose(1, 2) for row in rows], dim=2)
    return values.movedim(3, 1)


@pytest.mark.parametrize("make", [torchvision_vit, torchvision_swin, timm_vit, timm_swin])
def test_transformers_have_attributes_that_arrange_their_tokens(make: Any) -> None:
    torch.manual_seed(0)
    net, layer, blind = make()
    net, x = net.double().eval(), torch.randn(2, 3, 32, 32, dtype=torch.float64)
    infos = {info.name: info for info in explainable_layers(net, x)}
    assert layer in infos
    targets = torch.tensor([2, 0])
    activation, gradient = map(tokens_by_hand, by_hand(net, x, layer, targets)[1:])
    expected = torch.einsum("bc,bchw->bhw", gradient.mean((2, 3)), activation).float()
    result = explain(net, x, [layer], ["gradcam", "hirescam"], targets)
    torch.testing.assert_close(result.maps[layer, "gradcam"], expected)
    torch.testing.assert_close(result.maps[layer, "hirescam"], (activation * gradient).sum(1).float())
    assert result.maps[layer, "gradcam"].abs().max() > 0
    assert infos[layer].height == infos[layer].width == activation.shape[2]
    grid = TokenGrid(4, 4, 3 if "reg" in str(dict(net.named_parameters()).keys()) else 1)
    said = explain(net, x, [layer], ["gradcam"], targets, reshape=grid if blind else channels_last)
    torch.testing.assert_close(said.maps[layer, "gradcam"], expected)
    if blind:
        with pytest.raises(LayerError, match="on its class token only.*Choose an earlier layer"):
            explain(net, x, [blind], ["gradcam"], targets)


@pytest.mark.parametrize("make", [torchvision_vit, timm_swin])
def test_tokens_can_be_changed_and_the_network_resumed(make: Any) -> None:
    torch.manual_seed(0)
    net, layer, _ = make()
    net, x = net.double().eval(), torch.randn(2, 3, 32, 32, dtype=torch.float64)
    capture = trace(net, x, [layer]).capture(1)
    images = torch.tensor([1, 0, 1])
    changed = capture.activations[layer][images] * torch.tensor([0.0, 0.5, 1.0])[:, None, None, None]
    logits = capture.resume(layer)(changed, images)
    torch.testing.assert_close(logits[2], capture.logits[1])
    _, whole, _ = by_hand(net, x[images], layer, 1)
    replaced = whole.clone()
    factors = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    if whole.ndim == 3:
        replaced[:, 1:] *= factors[:, None, None]
    else:
        replaced *= factors[:, None, None, None]
    handle = net.get_submodule(layer).register_forward_hook(lambda module, inputs, output: replaced)
    with torch.no_grad():
        expected = net(x[images])
    handle.remove()
    torch.testing.assert_close(logits, expected)


def test_a_swin_whose_map_is_as_wide_as_it_has_channels_is_not_transposed() -> None:
    torch.manual_seed(0)
    net = zoo.SwinTransformer([4, 4], 12, [1, 1], [2, 2], [4, 4], num_classes=3).double().eval()
    x = torch.randn(1, 3, 48, 48, dtype=torch.float64)  # 12 x 12 x 12 after the first stage, as 384 px in Swin-T
    _, activation, gradient = by_hand(net, x, "features.1", 1)
    assert activation.shape == (1, 12, 12, 12)
    expected = (activation * gradient).sum(3).float()
    maps = explain(net, x, ["features.1", "features.0.0"], ["hirescam"], 1).maps
    torch.testing.assert_close(maps["features.1", "hirescam"], expected)
    _, activation, gradient = by_hand(net, x, "features.0.0", 1)  # a convolution, channels first
    torch.testing.assert_close(maps["features.0.0", "hirescam"], (activation * gradient).sum(1).float())


def test_only_known_networks_have_a_reshape() -> None:
    x = torch.zeros(1, 3, 32, 32)
    assert network_reshape(nn.Linear(3, 3), torch.zeros(1, 17, 8), x) is None
    assert network_reshape(nn.Linear(3, 3), (torch.zeros(1, 17, 8),), x) is None
    vit = torchvision_vit()[0]
    assert network_reshape(vit, torch.zeros(1, 17, 8), x) == TokenGrid(4, 4, 1)
    assert network_reshape(nn.Sequential(vit), torch.zeros(1, 17, 8), x) == TokenGrid(4, 4, 1)
    assert network_reshape(vit, torch.zeros(1, 18, 8), x) is None
    swin = torchvision_swin()[0]
    assert network_reshape(swin, torch.zeros(1, 8, 8, 12), x) is channels_last
    assert network_reshape(swin, torch.zeros(1, 8, 8, 13), x) is None
    assert network_reshape(swin, torch.zeros(1, 2, 8, 12), x) is None
