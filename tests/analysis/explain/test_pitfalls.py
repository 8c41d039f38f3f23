"""Mistakes that at least one other CAM library makes, each tested through `explain`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision.models as zoo
from torch import Tensor, nn

from analysis.explain.engine.tokens import TokenGrid, channels_last
from analysis.explain.errors import ExplainError, LayerError
from analysis.explain.trace import explain
from tests.analysis.explain.networks import classifier, hooks_of, pictures
from tests.analysis.explain.oracles import by_hand, gradcam_by_hand

F32 = torch.float32


def gradcam(net: nn.Module, x: Tensor, layer: str, targets: Any = 1, **named: Any) -> Tensor:
    return explain(net, x, [layer], ["gradcam"], targets, **named).maps[layer, "gradcam"]


@pytest.mark.parametrize("layer", ["0.0", "0.1", "0.4", "0.5"])
def test_a_layer_before_an_in_place_relu_is_recorded_before_it(layer: str) -> None:
    x = pictures()
    expected = gradcam_by_hand(classifier(inplace=False), x, layer, 1).float()
    torch.testing.assert_close(gradcam(classifier(inplace=True), x, layer), expected)


class OneRelu(nn.Module):
    """One ReLU module for two places, as many a ResNet has."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 5, 3, stride=2, padding=1)
        self.relu, self.fc = nn.ReLU(inplace=True), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.relu(self.second(self.relu(self.first(x)))).mean((2, 3)))


def test_a_relu_module_used_twice() -> None:
    net, x = OneRelu().double(), pictures()
    for layer in ("first", "second", "relu"):
        torch.testing.assert_close(gradcam(net, x, layer), gradcam_by_hand(net, x, layer, 1).float())
    assert explain(net, x, ["relu"], ["gradcam"]).notes == (
        "relu is called 2 times in one forward pass; its maps belong to the last call",
    )


@pytest.mark.parametrize("trainable", ["head", "nothing"])
def test_a_frozen_network(trainable: str) -> None:
    net, x = classifier(), pictures()
    expected = gradcam(classifier(), x, "0.1")
    net.requires_grad_(False)
    net[1].requires_grad_(trainable == "head")
    torch.testing.assert_close(gradcam(net, x, "0.1"), expected)
    assert any(p.requires_grad for p in net.parameters()) == (trainable == "head")
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize(
    "caller", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu", torch.bfloat16)]
)
@pytest.mark.parametrize("dtype", [F32, torch.float64])
def test_a_caller_without_gradients(caller: Callable[[], Any], dtype: torch.dtype) -> None:
    methods = ["gradcam", "hirescam", "cam", "eigencam", "ablationcam", "shapleycam", "finercam", "fullgrad"]
    x = pictures(dtype=dtype)
    expected = explain(classifier(dtype=dtype), x, ["0.6"], methods, 1).maps
    with caller():
        net = classifier(dtype=F32).to(dtype) if caller is not torch.inference_mode else made_outside(dtype)
        maps = explain(net, x.clone(), ["0.6"], methods, 1).maps  # for the first time, so prepared in here too
        assert torch.is_inference_mode_enabled() == (caller is torch.inference_mode)
    torch.testing.assert_close(maps, expected)
    assert not any(values.is_inference() or values.requires_grad for values in maps.values())


def made_outside(dtype: torch.dtype) -> nn.Module:
    with torch.inference_mode(False):
        return classifier(dtype=dtype)


def test_two_threads_on_one_model_with_other_classes_and_layers() -> None:
    net, images = classifier().train(), [pictures(1), pictures(1) * 2]
    asked = [("0.1", 0), ("0.6", 2)]
    expected = [gradcam_by_hand(classifier(), x, *what).float() for x, what in zip(images, asked, strict=True)]
    wrong: list[int] = []

    def work(mine: int) -> None:
        for _ in range(20):
            if not torch.allclose(gradcam(net, images[mine], *asked[mine]), expected[mine], atol=1e-6):
                wrong.append(mine)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert hooks_of(net) == 0


def test_two_images_with_different_classes_in_a_batch() -> None:
    net, x = classifier(), pictures(2)
    maps = gradcam(net, x, "0.1", torch.tensor([2, 0]))
    for image, target in enumerate((2, 0)):
        torch.testing.assert_close(maps[image], gradcam_by_hand(net, x[image, None], "0.1", target)[0].float())


@pytest.mark.parametrize("targets", [3, -1, (0, 3), torch.tensor([0, 3])])
def test_a_class_out_of_range(targets: Any) -> None:
    with pytest.raises(ExplainError, match=r"class -?\d is out of range: the model has classes 0 to 2"):
        gradcam(classifier(), pictures(2), "0.6", targets)


@pytest.mark.parametrize("moment", ["forward", "progress"])
def test_an_exception_inside_leaves_no_trace(moment: str) -> None:
    net, x = classifier(), pictures()
    before = gradcam(net, x, "0.6")

    def stop(done: int, total: int) -> None:
        raise ZeroDivisionError

    class Breaks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ZeroDivisionError

    kept = net[0][3]
    with pytest.raises(ZeroDivisionError):
        if moment == "forward":
            net[0][3] = Breaks()
            gradcam(net, x, "0.1")
        else:
            explain(net, x, ["0.6"], ["ablationcam"], progress=stop)
    net[0][3] = kept
    assert hooks_of(net) == 0
    assert not any(module._forward_pre_hooks for module in net.modules())
    assert torch.is_grad_enabled()
    torch.testing.assert_close(gradcam(net, x, "0.6"), before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_model_in_half_precision(dtype: torch.dtype) -> None:
    net, x = classifier().to(dtype), pictures(dtype=dtype)
    maps = gradcam(net, x, "0.6")
    expected = gradcam_by_hand(net.double(), x.double(), "0.6", 1).float()
    assert maps.dtype == F32
    torch.testing.assert_close(
        maps, expected, atol=20 * torch.finfo(dtype).eps * float(expected.abs().max()), rtol=0
    )


def test_a_batch_of_one_with_batchnorm_in_training() -> None:
    net, x = classifier().train(), pictures(1)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    torch.testing.assert_close(gradcam(net, x, "0.6"), gradcam_by_hand(classifier(), x, "0.6", 1).float())
    torch.testing.assert_close(dict(net.state_dict()), before, rtol=0, atol=0)
    assert all(module.training for module in net.modules())


@pytest.mark.parametrize(
    "device",
    ["meta", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA"))],
)
def test_a_model_on_another_device_than_its_input(device: str) -> None:
    with pytest.raises(ExplainError, match=rf"x is on cpu but the model is on {device}.*; use x.to\('{device}"):
        gradcam(classifier().to(device), pictures(), "0.6")
    with pytest.raises(ExplainError, match=rf"x is on {device}.* but the model is on cpu; use x.to\('cpu'\)"):
        gradcam(classifier(), pictures().to(device), "0.6")


@pytest.mark.parametrize("kind", ["dict", "tuple", "one entry"])
def test_an_output_that_is_a_dict_or_tuple(kind: str) -> None:
    class Wraps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = classifier()

        def forward(self, x: Tensor) -> Any:
            logits = self.net(x)
            return {
                "dict": {"aux": -logits, "logits": logits},
                "tuple": (logits, -logits),
                "one entry": {"out": logits},
            }[kind]

    maps = gradcam(Wraps(), pictures(), "net.0.6")
    torch.testing.assert_close(maps, gradcam_by_hand(classifier(), pictures(), "0.6", 1).float())


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = classifier()[0]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        return features, features.mean((2, 3))


class Pooled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 3).double()

    def forward(self, both: tuple[Tensor, Tensor]) -> Tensor:
        return self.fc(both[1])


def test_a_layer_that_returns_a_tuple_is_refused_with_advice() -> None:
    net, x = nn.Sequential(Pair(), Pooled()).eval(), pictures()
    with pytest.raises(
        LayerError, match="its output is a tuple, not one tensor; choose a module inside it or around"
    ):
        gradcam(net, x, "0")
    torch.testing.assert_close(gradcam(net, x, "0.body"), gradcam_by_hand(net, x, "0.body", 1).float())


class Tokens(nn.Module):
    """A transformer of its own making, which does not say how its tokens lie."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.patch, self.first = nn.Conv2d(3, 8, 4, stride=4), nn.Parameter(torch.randn(1, 1, 8))
        self.block, self.fc = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patch(x).flatten(2).transpose(1, 2)
        return self.fc(self.block(torch.cat([self.first.expand(len(x), -1, -1), tokens], 1)).mean(1))


def laid_out(values: Tensor) -> Tensor:
    """(B, 1 + 2 * 3, 8) as (B, 8, 2, 3), place by place."""
    places = [[values[:, 1 + 3 * row + column] for column in range(3)] for row in range(2)]
    return torch.stack([torch.stack(row, dim=-1) for row in places], dim=-2)


def test_a_layer_of_tokens_is_reshaped_or_refused_with_advice() -> None:
    net, x = Tokens().double().eval(), pictures(2, 8, 12)
    with pytest.raises(LayerError, match=r"shape \(B, 7, 8\), tokens .*reshape=TokenGrid\(14, 14, prefix=1\)"):
        gradcam(net, x, "block")
    expected = gradcam_by_hand(net, x, "block", 1, laid_out).float()
    for reshape in (TokenGrid(2, 3, prefix=1), {"block": TokenGrid(2, 3, 1)}, laid_out):
        torch.testing.assert_close(gradcam(net, x, "block", reshape=reshape), expected)
    with pytest.raises(LayerError, match=r"expects tokens of shape \(B, 10, C\)"):
        gradcam(net, x, "block", reshape=TokenGrid(3, 3, 1))


def test_channels_last_are_moved_where_the_caller_says_so() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.mix, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 5), nn.Linear(5, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.mix(self.conv(x).permute(0, 2, 3, 1)).relu().mean((1, 2)))

    net, x = Last().double(), pictures()
    with pytest.raises(LayerError, match="channels last .*reshape=channels_last"):
        gradcam(net, x, "mix")
    expected = gradcam_by_hand(net, x, "mix", 1, lambda values: values.movedim(3, 1)).float()
    torch.testing.assert_close(gradcam(net, x, "mix", reshape=channels_last), expected)


def torchvision_vit() -> nn.Module:
    net = zoo.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=3)
    nn.init.normal_(net.heads[0].weight)
    return net


def timm_vit() -> nn.Module:
    models = pytest.importorskip("timm").models
    return models.VisionTransformer(img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=3)


def torchvision_swin() -> nn.Module:
    return zoo.SwinTransformer([4, 4], 12, [1, 1], [2, 2], [4, 4], num_classes=3)


def timm_swin() -> nn.Module:
    models = pytest.importorskip("timm").models
    return models.SwinTransformer(
        32, 4, embed_dim=12, depths=(1, 1), num_heads=(2, 2), window_size=4, num_classes=3
    )


@pytest.mark.parametrize(
    ("make", "layer", "reshape"),
    [
        (torchvision_vit, "encoder.layers.encoder_layer_0", TokenGrid(4, 4, 1)),
        (timm_vit, "blocks.0", TokenGrid(4, 4, 1)),
        (timm_vit, "blocks.1.norm1", TokenGrid(4, 4, 1)),
        (torchvision_swin, "features.1", channels_last),
        (timm_swin, "layers.0", channels_last),
    ],
)
def test_vit_and_swin_through_a_reshape(make: Callable[[], nn.Module], layer: str, reshape: Any) -> None:
    torch.manual_seed(0)
    net, x = make().double().eval(), torch.randn(2, 3, 32, 32, dtype=torch.float64)
    targets = torch.tensor([2, 0])
    _, activation, gradient = by_hand(net, x, layer, targets)
    if activation.ndim == 3:  # the class token first, then row by row
        activation, gradient = (values[:, 1:].reshape(2, 4, 4, -1) for values in (activation, gradient))
    weights = gradient.mean((1, 2))
    expected = (activation * weights[:, None, None]).sum(3).float()
    assert expected.abs().max() > 0
    torch.testing.assert_close(gradcam(net, x, layer, targets, reshape=reshape), expected)
    torch.testing.assert_close(gradcam(net, x, layer, targets), expected)
