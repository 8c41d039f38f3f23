"""Folding heads into class weights: exact to float error, or refused with the reason."""

from __future__ import annotations

import pytest
import torch
import torchvision.models as zoo
from torch import Tensor, nn

from analysis.explain.engine.capture import Capture
from analysis.explain.engine.layers import explainable_layers
from analysis.explain.errors import HeadError, InnerLayerError
from analysis.explain.head import LinearHead, book_head, exact_head
from analysis.explain.trace import capture
from tests.analysis.explain.networks import classifier, pictures


def fold_head(model: nn.Module, x: Tensor) -> LinearHead:
    """The head after the last layer that has a map."""
    last = explainable_layers(model, x)[-1].name
    return exact_head(capture(model, x, [last], gradients=False), last)


def certify(head: LinearHead, record: Capture, tolerance: float) -> None:
    maps = head.maps(record)
    for certificate, score in zip(head.certificates(record, maps), record.scores().tolist(), strict=True):
        assert certificate.kind == head.kind == "exact"
        assert certificate.logit == score
        assert certificate.mean_plus_bias == pytest.approx(score, abs=tolerance, rel=tolerance)
        assert certificate.residual == certificate.mean_plus_bias - score


def test_folded_weights_are_those_of_the_algebra() -> None:
    net, x = classifier(), pictures()
    head = fold_head(net, x)
    norm, linear = net[1][2], net[1][4]
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    torch.testing.assert_close(head.weight, (linear.weight * scale).detach())
    torch.testing.assert_close(head.bias, (linear.weight @ (norm.bias - norm.running_mean * scale)).detach())
    assert not head.weight.requires_grad
    assert (head.layer, head.rectified) == ("0", False)


def test_mean_of_the_map_plus_bias_is_the_logit_in_float64() -> None:
    record = capture(classifier(), pictures(4), ["0.6"], (torch.tensor([2, 1, 0, 1]), 0))
    certify(exact_head(record, "0.6"), record, 1e-12)


@pytest.mark.parametrize(
    ("name", "layer", "rectified"),
    [
        ("resnet18", "layer4", False),
        ("resnet50", "layer4", False),
        ("densenet121", "features", True),
        ("mobilenet_v2", "features", False),
        ("efficientnet_b0", "features", False),
        ("googlenet", "inception5b", False),
        ("squeezenet1_1", "classifier.2", False),
    ],
)
def test_torchvision_heads_that_fold(name: str, layer: str, rectified: bool) -> None:
    torch.manual_seed(0)
    extra = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    model = getattr(zoo, name)(weights=None, num_classes=7, **extra)
    x = torch.randn(2, 3, 64, 64)
    head = fold_head(model, x)
    assert (head.layer, head.rectified) == (layer, rectified)
    assert head.weight.shape[0] == head.bias.shape[0] == 7
    record = capture(model, x, [layer], torch.tensor([3, 5]), gradients=False)
    certify(head, record, 1e-4)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("vgg11_bn", r"classifier.0' \(Linear\) reads 25088 features where the average pool gives 512"),
        ("convnext_tiny", r"\(LayerNorm2d\) in the head is not affine"),
        ("mobilenet_v3_small", r"\(Hardswish\) in the head is not affine"),
    ],
)
def test_torchvision_heads_that_do_not_fold_say_why(name: str, reason: str) -> None:
    model = getattr(zoo, name)(weights=None, num_classes=7)
    with pytest.raises(HeadError, match=reason):
        fold_head(model, torch.randn(1, 3, 64, 64))


def fastai_model(arch: str, **head) -> nn.Module:
    learner = pytest.importorskip("fastai.vision.learner")
    torch.manual_seed(0)
    if hasattr(zoo, arch):
        return learner.create_vision_model(getattr(zoo, arch), 2, pretrained=False, **head)
    return learner.create_timm_model(arch, 2, pretrained=False, **head)[0]


@pytest.mark.parametrize("arch", ["resnet18", "densenet121", "efficientnet_lite0"])
def test_fastais_linear_head_folds(arch: str) -> None:
    model = fastai_model(arch, concat_pool=False, lin_ftrs=[])
    x = torch.randn(2, 3, 64, 64)
    model.train()(x)  # BatchNorm statistics that are not 0 and 1
    head = fold_head(model, x)
    assert (head.layer, head.rectified) == ("0", False)
    record = capture(model, x, [head.layer], (1, 0), gradients=False)
    certify(head, record, 1e-4)


def test_fastais_default_head_is_refused_and_its_book_cam_misses_the_logit() -> None:
    model, x = fastai_model("resnet18"), torch.randn(2, 3, 64, 64)
    with pytest.raises(HeadError, match=r"maximum too, in '1\.0\.mp'.*linear head"):
        fold_head(model, x)
    record = capture(model, x, ["0.7"], 1, gradients=False)
    head = book_head(record, "0.7")
    maps = head.maps(record)
    expected = torch.einsum("ck,bkij->bcij", model[1][-1].weight, record.activations["0.7"])[:, 1].detach()
    torch.testing.assert_close(maps, expected)
    first = head.certificates(record, maps)[0]
    assert first.kind == "book"
    assert first.mean_plus_bias == pytest.approx(float(expected[0].mean()), rel=1e-5)
    assert abs(first.residual) > 0.1 * abs(first.logit)
    with pytest.raises(InnerLayerError):
        book_head(capture(model, x, ["0.6"], gradients=False), "0.6")


def test_the_book_cam_of_resnet50_is_refused_for_its_channels() -> None:
    model, x = fastai_model("resnet50"), torch.randn(1, 3, 64, 64)
    with pytest.raises(HeadError, match=r"512 weights a class, but layer '0\.7' has 2048 channels"):
        book_head(capture(model, x, ["0.7"], gradients=False), "0.7")


def test_an_inner_layer_has_no_class_weights_though_its_channels_fit() -> None:
    record = capture(classifier(), pictures(), ["0.4", "0.5", "0.6"], gradients=False)
    for name in ("0.4", "0.5"):  # six channels too, before the last BatchNorm and ReLU
        with pytest.raises(InnerLayerError, match=r"linear probe"):
            exact_head(record, name)
    exact_head(record, "0.6")


def headed(*head: nn.Module, body: nn.Module | None = None) -> nn.Sequential:
    torch.manual_seed(0)
    front = classifier()[0] if body is None else body
    return nn.Sequential(front, nn.Sequential(*head).double()).eval()


class MeanOf(nn.Module):
    """A pool of the network's own that has no parameters."""

    def __init__(self, power: int) -> None:
        super().__init__()
        self.power = power

    def forward(self, x: Tensor) -> Tensor:
        return x.pow(self.power).mean((2, 3))


def test_a_pool_of_the_networks_own_is_judged_by_its_numbers() -> None:
    fold_head(headed(MeanOf(1), nn.Linear(6, 3)), pictures())
    with pytest.raises(HeadError, match="misses the logits by"):
        fold_head(headed(MeanOf(2), nn.Linear(6, 3)), pictures())


def test_affine_layers_in_a_row_fold_and_activations_between_them_do_not() -> None:
    pool = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    x = pictures()
    net = headed(*pool, nn.Linear(6, 5), nn.BatchNorm1d(5, affine=False), nn.Linear(5, 3))
    net[1][3].running_mean.uniform_(-1, 1)
    record = capture(net, x, ["0"], 2, gradients=False)
    certify(exact_head(record, "0"), record, 1e-12)
    with pytest.raises(HeadError, match=r"'1\.3' \(ReLU\) in the head is not affine"):
        fold_head(headed(*pool, nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)), x)
    with pytest.raises(HeadError, match=r"\(BatchNorm1d\) in the head is not affine"):
        fold_head(headed(*pool, nn.BatchNorm1d(6, track_running_stats=False), nn.Linear(6, 3)), x)
    with pytest.raises(HeadError, match=r"reads 9 features"):
        fold_head(headed(*pool, nn.ConstantPad1d((0, 3), 0.0), nn.Linear(9, 3)), x)


def test_a_functional_step_after_the_linear_is_noticed() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = classifier()

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x) * 1.01

    with pytest.raises(HeadError, match="misses the logits"):
        fold_head(Scaled(), pictures())


def test_a_large_bias_does_not_hide_a_wrong_map() -> None:
    net = headed(MeanOf(2), nn.Linear(6, 3)).float()
    with torch.no_grad():
        net[1][1].bias.fill_(100)
        net[1][1].weight.mul_(0.01)
    with pytest.raises(HeadError, match="misses the logits"):
        fold_head(net, pictures().float())


def test_without_a_linear_there_is_no_book_cam() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()).double()
    with pytest.raises(HeadError, match="no Linear"):
        book_head(capture(net, pictures(), ["0"], gradients=False), "0")


def test_weights_that_belong_to_no_hidden_units_are_no_book_cam() -> None:
    pool = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    x = pictures()

    def book(net: nn.Module) -> LinearHead:
        return book_head(capture(net, x, ["0"], gradients=False), "0")

    with pytest.raises(HeadError, match=r"LayerNorm lies .* not affine .* no hidden units"):
        book(headed(*pool, nn.LayerNorm(6), nn.Linear(6, 3)))
    with pytest.raises(HeadError, match="AdaptiveMaxPool2d lies"):
        book(headed(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(6, 3)))
    with pytest.raises(HeadError, match="no pooling layer"):
        book(headed(MeanOf(2), nn.Linear(6, 3)))
    book(headed(*pool, nn.Linear(6, 6), nn.LayerNorm(6), nn.Linear(6, 3)))
    book(headed(*pool, nn.Linear(6, 3)))  # an affine head: the chapter's product is what exact CAM is


def test_no_transformer_block_is_a_head() -> None:
    vit = zoo.VisionTransformer(
        image_size=32, patch_size=8, num_layers=1, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=3
    )
    record = capture(vit, torch.randn(1, 3, 32, 32), ["conv_proj"], gradients=False)
    for head in (exact_head, book_head):
        with pytest.raises(HeadError):
            head(record, "conv_proj")
