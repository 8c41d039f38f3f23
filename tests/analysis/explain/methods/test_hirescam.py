"""HiResCAM: it adds up to an affine score, equals Grad-CAM below a pool, and pytorch-grad-cam agrees."""

from __future__ import annotations

import pytest
import pytorch_grad_cam
import torch
from torch import nn

from analysis.explain.methods.gradcam import GRADCAM
from analysis.explain.methods.hirescam import HIRESCAM
from tests.analysis.explain.methods.hand import LAYER, HandCapture, cut, signed
from tests.analysis.explain.methods.peers import RECTIFIED, as_shown, jacobgils, loud
from tests.analysis.explain.networks import classifier, pictures


def test_two_channels_by_hand() -> None:
    act = torch.tensor([[[[1.0, 3.0]], [[2.0, -1.0]]]])
    grad = torch.tensor([[[[2.0, -1.0]], [[0.5, 7.0]]]])
    torch.testing.assert_close(HIRESCAM.maps(HandCapture(act, grad), LAYER), torch.tensor([[[3.0, -10.0]]]))


@pytest.mark.parametrize("targets", [(1,), (2, 0)])
def test_below_a_pool_and_a_linear_head_it_is_gradcam(targets) -> None:
    capture = cut(classifier(), pictures(), 6, *targets)
    torch.testing.assert_close(HIRESCAM.maps(capture, LAYER), GRADCAM.maps(capture, LAYER))


def test_under_a_flattened_head_the_map_plus_the_bias_is_the_score_and_gradcam_is_not() -> None:
    torch.manual_seed(0)
    back = nn.Sequential(nn.Flatten(), nn.Linear(3 * 2 * 4, 5)).double()
    capture = HandCapture(signed(2, 3, 2, 4), back=back, targets=torch.tensor([4, 1]))
    bias = back[1].bias.detach()[capture.targets]
    scores = capture.logits.gather(1, capture.targets[:, None])[:, 0]
    torch.testing.assert_close(HIRESCAM.maps(capture, LAYER).sum((1, 2)) + bias, scores)
    assert not torch.allclose(GRADCAM.maps(capture, LAYER).sum((1, 2)) + bias, scores, rtol=0.01)


def test_pytorch_grad_cam_agrees() -> None:
    net, x = loud(), pictures()
    ours = HIRESCAM.maps(cut(net, x, 2, 1), LAYER)
    shown = jacobgils(pytorch_grad_cam.HiResCAM, net, x, RECTIFIED, 1)
    torch.testing.assert_close(as_shown(ours), shown, rtol=1e-4, atol=1e-5)
