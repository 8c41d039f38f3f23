"""Score-CAM and its variants against loops through the whole network, hand-made cases and the peers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from analysis.explain.methods import scorecam as module
from analysis.explain.methods.scorecam import ISCAM, SCORECAM, SCORECAM_IMAGE, SSCAM
from tests.analysis.explain.networks import classifier, pictures
from tests.analysis.explain.perturbing import layer_capture, replaced

PAIR = (torch.tensor([0, 1]), torch.tensor([2, 0]))


def pair_score(logits: Tensor) -> Tensor:
    return logits[[0, 1], [0, 1]] - logits[[0, 1], [2, 0]]


def to_unit(image: Tensor) -> Tensor:
    low, high = image.min().item(), image.max().item()
    return (image - low) / (high - low) if high > low else torch.zeros_like(image)


def combined(scores: Tensor, activation: Tensor) -> Tensor:
    """Maps from scores (C, B): the exponentials, written out, as weights of the channels."""
    weights = scores.exp() / scores.exp().sum(0)
    return sum(weights[k][:, None, None] * activation[:, k] for k in range(activation.shape[1]))


def one_by_one(net: nn.Module, x: Tensor, layer: str, changes: list[Callable[[Tensor], Tensor]]) -> Tensor:
    """The whole network again for each channel and change of its mask, a hook multiplying the layer's output."""
    seen: list[Tensor] = []
    with replaced(net, layer, lambda output: seen.append(output.clone()) or output):
        net(x)
    scores = []
    for channel in range(seen[0].shape[1]):
        masks = torch.stack([to_unit(image[channel]) for image in seen[0]])
        total = torch.zeros(len(x), dtype=x.dtype)
        for changed in (change(masks) for change in changes):
            with replaced(net, layer, lambda output, mask=changed: output * mask[:, None]):
                total += pair_score(net(x))
        scores.append(total / len(changes))
    return combined(torch.stack(scores), seen[0])


@pytest.mark.parametrize("layer", ["0.1", "0.6"])
def test_scorecam_is_a_loop_over_masks_on_the_layer(layer: str) -> None:
    net, x = classifier(inplace=False), pictures()
    expected = one_by_one(net, x, layer, [lambda masks: masks])
    torch.testing.assert_close(SCORECAM.maps(layer_capture(net, x, layer, PAIR), layer), expected)


@pytest.mark.parametrize("layer", ["0.1", "0.6"])
def test_iscam_is_a_loop_over_tenths_of_the_mask(layer: str) -> None:
    net, x = classifier(inplace=False), pictures()
    tenths = [lambda masks, part=part: masks * part for part in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)]
    torch.testing.assert_close(
        ISCAM.maps(layer_capture(net, x, layer, PAIR), layer), one_by_one(net, x, layer, tenths)
    )


@pytest.mark.parametrize("layer", ["0.1", "0.6"])
def test_sscam_is_a_loop_over_noisy_masks(layer: str) -> None:
    net, x = classifier(inplace=False), pictures()
    size = (8, 10) if layer == "0.1" else (4, 5)
    noises = 2 * torch.randn(35, *size, generator=torch.Generator().manual_seed(0))
    expected = one_by_one(net, x, layer, [lambda masks, noise=noise: masks + noise for noise in noises])
    torch.testing.assert_close(SSCAM.maps(layer_capture(net, x, layer, PAIR), layer), expected)


def test_sscam_without_noise_is_scorecam(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMOOTH_SIGMA", 0.0)
    capture = layer_capture(classifier(), pictures(), "0.6", 1)
    torch.testing.assert_close(SSCAM.maps(capture, "0.6"), SCORECAM.maps(capture, "0.6"))


def test_a_head_without_biases_gives_iscam_the_mean_of_the_tenths() -> None:
    """There a mask of i/N gives i/N of the score, on the average 0.55 of it, before the softmax."""
    torch.manual_seed(0)
    head = nn.Linear(4, 3, bias=False)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head).double()
    x = pictures()
    act = net[:2](x).detach()
    scores = torch.stack(
        [
            torch.stack([(head.weight[1] * (image * to_unit(image[k])).mean((1, 2))).sum() for image in act])
            for k in range(4)
        ]
    ).detach()
    torch.testing.assert_close(ISCAM.maps(layer_capture(net, x, "1", 1), "1"), combined(0.55 * scores, act))
    torch.testing.assert_close(SCORECAM.maps(layer_capture(net, x, "1", 1), "1"), combined(scores, act))


def test_the_picture_is_masked_as_in_the_paper() -> None:
    net, x = classifier(inplace=False), pictures()
    capture = layer_capture(net, x, "0.6", PAIR)
    act = capture.activations["0.6"]
    scores = []
    for channel in range(6):
        enlarged = nn.functional.interpolate(act[:, channel, None], (8, 10), mode="bilinear", align_corners=False)
        with torch.no_grad():
            scores.append(pair_score(net(x * torch.stack([to_unit(image) for image in enlarged]))))
    torch.testing.assert_close(SCORECAM_IMAGE.maps(capture, "0.6"), combined(torch.stack(scores), act))


@pytest.mark.parametrize("method", [SCORECAM, SSCAM, ISCAM, SCORECAM_IMAGE])
def test_a_constant_channel_and_a_constant_layer_stay_finite(method) -> None:
    net, x = classifier(inplace=False), pictures()
    with torch.no_grad():
        net[0][5].weight[2], net[0][5].bias[2] = 0, 1.5  # channel 2 is 1.5 everywhere
    capture = layer_capture(net, x, "0.6", 1)
    assert (capture.activations["0.6"][:, 2] == 1.5).all()
    assert method.maps(capture, "0.6").isfinite().all()
    with torch.no_grad():
        net[0][5].weight[:], net[0][5].bias[:] = 0, -1  # the ReLU leaves nothing
    assert (method.maps(layer_capture(net, x, "0.6", 1), "0.6") == 0).all()


def test_the_weights_add_up_to_one_however_far_apart_the_scores_lie() -> None:
    net, x = classifier(), pictures()
    with torch.no_grad():
        net[1][4].weight *= 1e4
    capture = layer_capture(net, x, "0.6", 1)
    act, maps = capture.activations["0.6"], SCORECAM.maps(capture, "0.6")
    assert maps.isfinite().all()
    assert ((maps >= act.amin(1) - 1e-9) & (maps <= act.amax(1) + 1e-9)).all()


def net_on_the_picture() -> tuple[nn.Module, Tensor]:
    """Its first layer is the picture itself, so that masking the layer is masking the picture."""
    torch.manual_seed(0)
    rest = nn.Conv2d(4, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)
    return nn.Sequential(nn.Identity(), *rest).eval(), torch.rand(2, 4, 6, 7)


def torchcam_map(name: str, prepare: Callable[..., None] = lambda extractor: None, **options: int) -> Tensor:
    peers = pytest.importorskip("torchcam.methods")
    net, x = net_on_the_picture()
    with getattr(peers, name)(net, net[0], **options) as extractor:
        prepare(extractor)
        net(x)
        return extractor([1, 2], normalized=False)[0]


@pytest.mark.parametrize("method", [SCORECAM, SCORECAM_IMAGE])
def test_torchcams_scorecam_where_layer_and_picture_are_one(method) -> None:
    capture = layer_capture(*net_on_the_picture(), "0", torch.tensor([1, 2]))
    torch.testing.assert_close(method.maps(capture, "0"), torchcam_map("ScoreCAM"), rtol=1e-5, atol=1e-6)


def test_torchcams_sscam_under_the_same_noise() -> None:
    drawn = 2 * torch.randn(35, 6, 7, generator=torch.Generator().manual_seed(0))
    noise = iter(drawn)

    def same_noise(extractor) -> None:
        extractor._distrib.sample = lambda size: next(noise).expand(size)

    capture = layer_capture(*net_on_the_picture(), "0", torch.tensor([1, 2]))
    torch.testing.assert_close(SSCAM.maps(capture, "0"), torchcam_map("SSCAM", same_noise), rtol=1e-4, atol=1e-6)


def test_torchcams_iscam_in_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """With more steps torch-cam adds them up; see iscam's docstring."""
    monkeypatch.setattr(module, "INTEGRAL_STEPS", 1)
    capture = layer_capture(*net_on_the_picture(), "0", torch.tensor([1, 2]))
    expected = torchcam_map("ISCAM", num_samples=1)
    torch.testing.assert_close(ISCAM.maps(capture, "0"), expected, rtol=1e-5, atol=1e-6)


def test_pytorch_grad_cam_agrees_on_masked_pictures() -> None:
    peers = pytest.importorskip("pytorch_grad_cam")
    torch.manual_seed(0)
    rest = nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)
    net, x = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), *rest).eval(), torch.rand(2, 3, 6, 7)
    capture = layer_capture(net, x, "1", 2)
    with peers.ScoreCAM(net, [net[1]]) as theirs:
        score = [lambda logits: logits[2]] * 2
        weights = theirs.get_cam_weights(x, net[1], score, capture.activations["1"].numpy(), None)
    expected = torch.einsum("bc,bchw->bhw", torch.tensor(weights), capture.activations["1"])
    torch.testing.assert_close(SCORECAM_IMAGE.maps(capture, "1"), expected, rtol=1e-4, atol=1e-6)
