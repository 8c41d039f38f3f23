"""LayerCAM: only positive gradients, HiResCAM where there are no others, and both peers."""

from __future__ import annotations

import pytorch_grad_cam
import torch
import torchcam.methods

from analysis.explain.methods.hirescam import HIRESCAM
from analysis.explain.methods.layercam import LAYERCAM
from tests.analysis.explain.methods.hand import LAYER, HandCapture, cut, rectified, signed
from tests.analysis.explain.methods.peers import RECTIFIED, as_shown, jacobgils, loud, torchcams
from tests.analysis.explain.networks import pictures


def test_two_channels_by_hand() -> None:
    act = torch.tensor([[[[1.0, 3.0]], [[2.0, -1.0]]]])
    grad = torch.tensor([[[[2.0, -1.0]], [[0.5, 7.0]]]])
    torch.testing.assert_close(LAYERCAM.maps(HandCapture(act, grad), LAYER), torch.tensor([[[3.0, -7.0]]]))


def test_of_a_gradient_that_is_nowhere_negative_it_is_hirescam() -> None:
    capture = HandCapture(signed(2, 3, 4, 5), rectified(2, 3, 4, 5))
    torch.testing.assert_close(LAYERCAM.maps(capture, LAYER), HIRESCAM.maps(capture, LAYER))


def test_a_score_and_its_opposite_share_hirescam_between_them() -> None:
    act, grad = signed(2, 3, 4, 5), signed(2, 3, 4, 5, seed=5)
    for_it, against_it = (LAYERCAM.maps(HandCapture(act, sign * grad), LAYER) for sign in (1, -1))
    torch.testing.assert_close(for_it - against_it, HIRESCAM.maps(HandCapture(act, grad), LAYER))


def test_the_peers_agree() -> None:
    net, x = loud(), pictures()
    ours = LAYERCAM.maps(cut(net, x, 2, 1), LAYER)
    theirs = torchcams(torchcam.methods.LayerCAM, net, x, RECTIFIED, 1)
    torch.testing.assert_close(ours.clamp(min=0), theirs)
    shown = jacobgils(pytorch_grad_cam.LayerCAM, net, x, RECTIFIED, 1)
    torch.testing.assert_close(as_shown(ours), shown, rtol=1e-4, atol=1e-5)
