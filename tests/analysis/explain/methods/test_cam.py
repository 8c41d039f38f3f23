"""CAM against the pooled logits and against Grad-CAM of the same class."""

from __future__ import annotations

import pytest
import torch

from analysis.explain.errors import HeadError, InnerLayerError
from analysis.explain.head import exact_head
from analysis.explain.methods.cam import BOOK_CAM, CAM
from analysis.explain.methods.gradcam import GRADCAM
from analysis.explain.trace import capture
from tests.analysis.explain.networks import classifier, pictures


@pytest.mark.parametrize("targets", [0, 2, torch.tensor([1, 2]), (2, 1), (torch.tensor([0, 1]), 2)])
def test_cam_is_gradcam_times_the_number_of_cells_under_a_linear_head(targets) -> None:
    record = capture(classifier(), pictures(), ["0.6"], targets)
    maps = CAM.maps(record, "0.6")
    assert maps.shape == (2, 4, 5)
    torch.testing.assert_close(maps, GRADCAM.maps(record, "0.6") * 20)


def test_mean_plus_bias_is_the_logit_of_every_class() -> None:
    net, x = classifier(), pictures()
    bias = exact_head(capture(net, x, ["0"], gradients=False), "0").bias
    for cls in range(3):
        record = capture(net, x, ["0.6"], cls, gradients=False)
        torch.testing.assert_close(CAM.maps(record, "0.6").mean((1, 2)) + bias[cls], record.logits[:, cls])


def test_an_inner_layer_is_refused() -> None:
    with pytest.raises(InnerLayerError, match="linear probe"):
        CAM.maps(capture(classifier(), pictures(), ["0.2"], gradients=False), "0.2")


def test_the_books_cam_takes_the_last_linear_as_it_is() -> None:
    net, x = classifier(), pictures()
    record = capture(net, x, ["0.6"], 1, gradients=False)
    expected = torch.einsum("k,bkij->bij", net[1][4].weight[1].detach(), record.activations["0.6"])
    torch.testing.assert_close(BOOK_CAM.maps(record, "0.6"), expected)
    with pytest.raises(HeadError):
        BOOK_CAM.maps(capture(net, x, ["0.2"], gradients=False), "0.2")
