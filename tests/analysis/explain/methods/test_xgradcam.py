"""XGrad-CAM: its conservation axiom, numbers worked out by hand, and both peers."""

from __future__ import annotations

import pytorch_grad_cam
import torch
import torchcam.methods

from analysis.explain.methods.gradcam import GRADCAM
from analysis.explain.methods.xgradcam import XGRADCAM
from tests.analysis.explain.methods.hand import LAYER, HandCapture, cut, rectified, signed
from tests.analysis.explain.methods.peers import RECTIFIED, as_shown, jacobgils, loud, torchcams
from tests.analysis.explain.networks import classifier, pictures


def test_two_channels_by_hand() -> None:
    act = torch.tensor([[[[1.0, 3.0]], [[2.0, 0.0]]]])
    grad = torch.tensor([[[[2.0, -1.0]], [[0.5, 7.0]]]])
    # weights: (2 - 3) / 4 and (1 + 0) / 2
    expected = torch.tensor([[[-0.25 + 1.0, -0.75]]])
    torch.testing.assert_close(XGRADCAM.maps(HandCapture(act, grad), LAYER), expected)


def test_every_map_sums_to_activation_times_gradient() -> None:
    act, grad = rectified(3, 5, 4, 6), signed(3, 5, 4, 6)
    maps = XGRADCAM.maps(HandCapture(act, grad), LAYER)
    torch.testing.assert_close(maps.sum((1, 2)), (act * grad).sum((1, 2, 3)))


def test_it_is_gradcam_where_the_gradient_is_the_same_in_every_cell() -> None:
    capture = cut(classifier(), pictures(), 6, 2, 0)
    torch.testing.assert_close(XGRADCAM.maps(capture, LAYER), GRADCAM.maps(capture, LAYER))


def test_channels_whose_sum_is_rounding_weigh_nothing() -> None:
    act = torch.zeros(1, 3, 1, 3)
    act[0, 0, 0] = torch.tensor([0.1, 0.2, -0.3])  # sums to 7e-9
    act[0, 2, 0] = torch.tensor([1.0, 0.0, 0.0])
    maps = XGRADCAM.maps(HandCapture(act, torch.ones(1, 3, 1, 3) * torch.tensor([1.0, 2.0, 3.0])), LAYER)
    torch.testing.assert_close(maps, torch.tensor([[[1.0, 0.0, 0.0]]]))


def test_the_peers_agree() -> None:
    net, x = loud(), pictures()
    ours = XGRADCAM.maps(cut(net, x, 2, 1), LAYER)
    theirs = torchcams(torchcam.methods.XGradCAM, net, x, RECTIFIED, 1)
    torch.testing.assert_close(ours.clamp(min=0), theirs, rtol=1e-5, atol=1e-6)
    shown = jacobgils(pytorch_grad_cam.XGradCAM, net, x, RECTIFIED, 1)
    torch.testing.assert_close(as_shown(ours), shown, rtol=1e-4, atol=1e-5)
