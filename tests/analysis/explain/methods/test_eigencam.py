"""Eigen-CAM and EigenGrad-CAM against NumPy's SVD, their signs, and pytorch-grad-cam on centred channels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection

from analysis.explain.methods.eigencam import EIGENCAM, EIGENGRADCAM
from analysis.explain.methods.hirescam import HIRESCAM
from tests.analysis.explain.methods.hand import LAYER, HandCapture, rectified, signed

WIDE, TALL = (3, 20, 3, 4), (3, 5, 6, 7)  # more channels than cells, and fewer


def by_svd(values: torch.Tensor) -> np.ndarray:
    """(h, w): O v_1 of (C, h, w), with any sign."""
    cells = values.flatten(1).T.numpy()
    return (cells @ np.linalg.svd(cells)[2][0]).reshape(values.shape[1:])


@pytest.mark.parametrize("shape", [WIDE, TALL])
def test_eigencam_is_the_projection_on_the_first_singular_vector_with_a_positive_sum(shape) -> None:
    act = rectified(*shape)
    for image, found in zip(act, EIGENCAM.maps(HandCapture(act), LAYER), strict=True):
        expected = by_svd(image)
        np.testing.assert_allclose(found, expected * np.sign(expected.sum()), rtol=1e-6)
    negated = EIGENCAM.maps(HandCapture(-act), LAYER)
    torch.testing.assert_close(negated, EIGENCAM.maps(HandCapture(act), LAYER))
    assert (negated.sum((1, 2)) > 0).all()


def test_two_channels_by_hand() -> None:
    """Cells (3, 4), (6, 8) and (0, 0) lie on one line, of direction (3, 4) / 5: lengths 5, 10, 0."""
    act = torch.tensor([[[[3.0, 6.0, 0.0]], [[4.0, 8.0, 0.0]]]])
    torch.testing.assert_close(EIGENCAM.maps(HandCapture(act), LAYER), torch.tensor([[[5.0, 10.0, 0.0]]]))


@pytest.mark.parametrize("shape", [WIDE, TALL])
def test_eigengradcam_is_that_of_activation_times_gradient_on_hirescams_side(shape) -> None:
    act, grad = rectified(*shape), signed(*shape)
    capture = HandCapture(act, grad)
    maps, sides = EIGENGRADCAM.maps(capture, LAYER), HIRESCAM.maps(capture, LAYER)
    for product, found, side in zip(act * grad, maps, sides, strict=True):
        expected = by_svd(product)
        np.testing.assert_allclose(found, expected * np.sign((expected * side.numpy()).sum()), rtol=1e-6)


def test_exchanging_the_classes_of_a_contrast_turns_the_sign_of_eigengradcam() -> None:
    act, grad = rectified(*TALL), signed(*TALL)
    one, other = (EIGENGRADCAM.maps(HandCapture(act, sign * grad), LAYER) for sign in (1, -1))
    torch.testing.assert_close(one, -other)
    evidence_against = EIGENGRADCAM.maps(HandCapture(act, -grad.abs()), LAYER)
    assert (evidence_against <= 0).all()


@pytest.mark.parametrize("shape", [WIDE, TALL])
def test_pytorch_grad_cam_agrees_on_channels_whose_mean_is_zero(shape) -> None:
    act = signed(*shape)
    act = act - act.mean((2, 3), keepdim=True)
    theirs = torch.from_numpy(get_2d_projection(act.numpy())).double()
    ours = EIGENCAM.maps(HandCapture(act), LAYER)
    torch.testing.assert_close(ours.abs(), theirs.abs(), rtol=1e-4, atol=1e-5)


def test_tiny_gradients_keep_their_component() -> None:
    act, grad = rectified(*TALL, dtype=torch.float32), signed(*TALL, dtype=torch.float32)
    maps, tiny = (EIGENGRADCAM.maps(HandCapture(act, grad * size), LAYER) for size in (1.0, 1e-28))
    torch.testing.assert_close(tiny * 1e28, maps, rtol=1e-3, atol=1e-4)
