"""Layer fusion: numbers worked out by hand, torch-cam's LayerCAM, and maps that could divide by zero."""

from __future__ import annotations

import math

import pytest
import torch
import torchcam.methods

from analysis.explain.errors import ExplainError, UnknownNameError
from analysis.explain.measures.fusion import FUSIONS, fuse
from tests.analysis.explain.methods.hand import rectified, signed

ONE = torch.tensor([[[1.0, -2.0], [4.0, 0.0]]])
OTHER = torch.tensor([[[3.0, -6.0], [-1.0, 2.0]]])


def test_mean_and_max_by_hand() -> None:
    torch.testing.assert_close(fuse([ONE, OTHER], "mean"), torch.tensor([[[2.0, -4.0], [1.5, 1.0]]]))
    torch.testing.assert_close(fuse([ONE, OTHER], "max"), torch.tensor([[[3.0, -2.0], [4.0, 2.0]]]))


def test_tanh_by_hand() -> None:
    expected = [[math.tanh(2), 0.0], [math.tanh(2), math.tanh(2 * 2 / 3)]]
    torch.testing.assert_close(fuse([ONE, OTHER], "tanh"), torch.tensor([expected]))


def test_small_maps_are_enlarged_to_the_largest_height_and_width() -> None:
    small, wide, high = signed(2, 2, 2), signed(2, 3, 8, seed=2), signed(2, 6, 4, seed=3)
    enlarged = [
        torch.nn.functional.interpolate(m[:, None], (6, 8), mode="bilinear", align_corners=False)[:, 0]
        for m in (small, wide, high)
    ]
    torch.testing.assert_close(fuse([small, wide, high], "mean"), sum(enlarged) / 3)
    torch.testing.assert_close(fuse([high, small, wide], "max"), torch.stack(enlarged).amax(0))


@pytest.mark.parametrize("how", FUSIONS)
def test_images_do_not_touch_one_another(how: str) -> None:
    maps = [signed(3, 2, 2), 100 * signed(3, 4, 4, seed=2)]
    maps[0][1] *= 50
    fused = fuse(maps, how)
    for image in range(3):
        torch.testing.assert_close(fuse([m[image : image + 1] for m in maps], how)[0], fused[image])


def test_torchcams_layercam_agrees_on_maps_scaled_by_their_maximum() -> None:
    maps = [rectified(2, 3, 3), 7 * rectified(2, 6, 6, seed=2)]
    scaled = [m / m.amax((1, 2), keepdim=True) for m in maps]
    torch.testing.assert_close(fuse(maps, "tanh"), torchcam.methods.LayerCAM.fuse_cams(scaled))
    torch.testing.assert_close(fuse(scaled, "max"), torchcam.methods.GradCAM.fuse_cams(scaled))


def test_maps_without_a_positive_value_are_zero_under_tanh() -> None:
    nothing, against = torch.zeros(1, 3, 3), -torch.ones(1, 3, 3)
    torch.testing.assert_close(fuse([nothing, against], "tanh"), nothing)
    tiny = torch.full((1, 3, 3), 1e-40)
    torch.testing.assert_close(fuse([tiny, against], "tanh"), torch.full((1, 3, 3), math.tanh(2)))


def test_one_map_is_its_own_mean_and_max() -> None:
    for how in ("mean", "max"):
        torch.testing.assert_close(fuse([ONE], how), ONE)


def test_what_cannot_be_fused_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'mean'"):
        fuse([ONE], "meen")
    with pytest.raises(ExplainError, match="at least one"):
        fuse([], "max")
    with pytest.raises(ExplainError, match=r"same B images; got \(1, 2, 2\), \(2, 2, 2\)"):
        fuse([ONE, ONE.expand(2, 2, 2)], "max")
