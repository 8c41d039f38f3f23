"""KPCA-CAM against scikit-learn's KernelPCA, exactly and by its grid, and pytorch-grad-cam."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection_kernel
from sklearn.decomposition import KernelPCA

from analysis.explain.methods import kpcacam
from analysis.explain.methods.kpcacam import KPCACAM
from tests.analysis.explain.methods.hand import LAYER, HandCapture, rectified, signed


def oriented(component: np.ndarray, image: torch.Tensor) -> np.ndarray:
    activity = (image**2).sum(0).numpy()
    return component * np.sign((component * (activity - activity.mean())).sum())


def by_sklearn(image: torch.Tensor, landmarks: torch.Tensor | slice = slice(None)) -> np.ndarray:
    """(h, w): fitted on those cells, all cells projected."""
    centred = (image - image.mean((1, 2), keepdim=True)).flatten(1).T.numpy()
    kernel = KernelPCA(1, kernel="sigmoid", gamma=1 / len(image), coef0=1, eigen_solver="dense")
    kernel.fit(centred[landmarks])
    return oriented(kernel.transform(centred)[:, 0].reshape(image.shape[1:]), image)


def test_all_cells_at_once_as_scikit_learn_does() -> None:
    act = rectified(3, 8, 5, 6)
    for image, found in zip(act, KPCACAM.maps(HandCapture(act), LAYER), strict=True):
        np.testing.assert_allclose(found, by_sklearn(image), rtol=1e-6, atol=1e-9)


def test_bright_is_where_the_layer_is_active() -> None:
    act = 0.1 * rectified(1, 8, 6, 6)
    act[:, :, 1:3, 1:3] += 2
    maps = KPCACAM.maps(HandCapture(act), LAYER)[0]
    assert maps[1:3, 1:3].min() > maps[4:, 4:].max()


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns"),
    [(8, 8, 8, 8), (9, 12, 6, 10), (1, 200, 1, 64), (200, 1, 64, 1), (32, 32, 8, 8)],
)
def test_large_maps_are_fitted_on_an_even_grid(
    monkeypatch: pytest.MonkeyPatch, height: int, width: int, rows: int, columns: int
) -> None:
    monkeypatch.setattr(kpcacam, "_LANDMARKS", 64)
    landmarks = kpcacam._grid(height, width, torch.device("cpu"))
    for numbers, total, count in ((landmarks // width, height, rows), (landmarks % width, width, columns)):
        used = numbers.unique()
        assert len(used) == count
        assert set(used.diff().tolist()) <= {total // count, -(-total // count)}
        assert abs(int(used[0]) - (total - 1 - int(used[-1]))) <= total // count
    act = rectified(1, 6, height, width)
    found = KPCACAM.maps(HandCapture(act), LAYER)[0]
    np.testing.assert_allclose(found, by_sklearn(act[0], landmarks), rtol=1e-5, atol=1e-8)


def test_the_grid_comes_near_to_all_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """A smooth map, as layers have them, of which the grid sees every fourth cell."""
    monkeypatch.setattr(kpcacam, "_LANDMARKS", 14 * 18)
    act = torch.nn.functional.interpolate(rectified(1, 6, 7, 9), (28, 36), mode="bilinear")
    exact, found = by_sklearn(act[0]).ravel(), KPCACAM.maps(HandCapture(act), LAYER)[0].flatten().numpy()
    assert np.corrcoef(exact, found)[0, 1] > 0.99


def test_the_kernel_never_holds_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kpcacam, "_LANDMARKS", 100)
    act = rectified(2, 6, 40, 40)
    whole = KPCACAM.maps(HandCapture(act), LAYER)
    sizes, kernel = [], kpcacam._kernel

    def watched(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        sizes.append(kernel(rows, columns).numel())
        return kernel(rows, columns)

    monkeypatch.setattr(kpcacam, "_kernel", watched)
    monkeypatch.setattr(kpcacam, "_ENTRIES", 2 * 100 * 80)
    torch.testing.assert_close(KPCACAM.maps(HandCapture(act), LAYER), whole)
    assert sizes == [2 * 100 * 100] + [2 * 100 * 80] * 20


def test_cells_that_are_all_alike_have_an_empty_map() -> None:
    for dtype in (torch.float32, torch.float64):
        for act in (torch.zeros(1, 8, 5, 5, dtype=dtype), torch.full((1, 8, 5, 5), 0.3, dtype=dtype)):
            torch.testing.assert_close(KPCACAM.maps(HandCapture(act), LAYER), torch.zeros(1, 5, 5, dtype=dtype))


def test_pytorch_grad_cam_agrees_up_to_the_sign() -> None:
    act = signed(3, 8, 5, 6)
    theirs = torch.from_numpy(get_2d_projection_kernel(act.numpy())).double()
    torch.testing.assert_close(KPCACAM.maps(HandCapture(act), LAYER).abs(), theirs.abs(), rtol=1e-4, atol=1e-6)
