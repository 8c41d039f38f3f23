"""Finer-CAM: the difference that it explains, with few classes, contrasts, and torch-cam."""

from __future__ import annotations

import pytest
import torch
import torchcam.methods
from torch import nn

from analysis.explain.methods.finercam import FINERCAM
from analysis.explain.methods.gradcam import GRADCAM
from tests.analysis.explain.methods.hand import LAYER, HandCapture, cut, rectified
from tests.analysis.explain.methods.peers import RECTIFIED, loud, torchcams
from tests.analysis.explain.networks import pictures


def head(classes: int) -> nn.Module:
    torch.manual_seed(classes)
    return nn.Sequential(nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 2 * 3, classes)).double()


def capture(classes: int, targets: list[int], against: list[int] | None = None) -> HandCapture:
    return HandCapture(
        rectified(len(targets), 4, 4, 5),
        back=head(classes),
        targets=torch.tensor(targets),
        against=None if against is None else torch.tensor(against),
    )


def test_it_is_gradcam_of_the_class_minus_the_mean_of_the_three_nearest_in_logit() -> None:
    targets = [2, 6]
    given = capture(7, targets)
    maps = FINERCAM.maps(given, LAYER)
    for image, target in enumerate(targets):
        logits = given.logits[image].tolist()
        others = sorted((c for c in range(7) if c != target), key=lambda c: abs(logits[c] - logits[target]))
        weights = torch.zeros(2, 7, dtype=torch.float64)
        weights[image, target] = 1
        weights[image, others[:3]] = -1 / 3
        gradient = given.gradients_of(weights)[LAYER]
        torch.testing.assert_close(
            maps[image], GRADCAM.maps(HandCapture(given.activation, gradient), LAYER)[image]
        )


@pytest.mark.parametrize("target", [0, 1])
def test_with_two_classes_it_is_the_contrast(target: int) -> None:
    given, contrast = capture(2, [target] * 2), capture(2, [target] * 2, [1 - target] * 2)
    torch.testing.assert_close(FINERCAM.maps(given, LAYER), GRADCAM.maps(contrast, LAYER))


@pytest.mark.parametrize("classes", [2, 3, 4, 5])
def test_a_number_added_to_every_logit_changes_nothing(classes: int) -> None:
    given, plain = capture(classes, [0, 1]), head(classes)
    shifted = HandCapture(
        given.activation, back=lambda a: plain(a) + a.sum((1, 2, 3))[:, None], targets=given.targets
    )
    torch.testing.assert_close(FINERCAM.maps(shifted, LAYER), FINERCAM.maps(given, LAYER))


def test_one_logit_leaves_gradcam_and_a_contrast_names_the_other_class() -> None:
    for given in (capture(1, [0, 0]), capture(6, [5, 2], [1, 4])):
        torch.testing.assert_close(FINERCAM.maps(given, LAYER), GRADCAM.maps(given, LAYER))


def test_among_equally_distant_classes_the_first_count() -> None:
    weight = torch.arange(12.0, dtype=torch.float64).view(6, 2)
    given = HandCapture(torch.zeros(1, 2, 1, 1, dtype=torch.float64), back=lambda a: a[:, :, 0, 0] @ weight.T)
    given.activation = torch.ones(1, 2, 1, 1, dtype=torch.float64)  # all logits were 0, the gradient is the weight
    expected = (weight[0] - weight[1:4].mean(0)).sum()
    torch.testing.assert_close(FINERCAM.maps(given, LAYER).sum(), expected)


def test_torchcam_agrees_at_full_strength() -> None:
    net, x = loud(classes=6), pictures()
    ours = FINERCAM.maps(cut(net, x, 2, 4), LAYER)
    extractor = torchcam.methods.FinerCAM(net, RECTIFIED, gamma=1.0)
    with extractor:
        theirs = extractor([4, 4], net(x), normalized=False)[0].detach()
    torch.testing.assert_close(ours.clamp(min=0), theirs)
    assert torchcams(torchcam.methods.GradCAM, net, x, RECTIFIED, 4).sub(theirs).abs().max() > 0.1 * theirs.max()
