from __future__ import annotations

import numpy as np

from dashboard.figures.tiles import overlay

GREY = np.full((20, 30, 3), 128, np.uint8)


def test_an_overlay_is_warm_where_the_map_speaks_for_the_class():
    tile = overlay(GREY, np.array([[1.0, -1.0]]), smooth=False).astype(int)
    assert tile.shape == GREY.shape
    assert (tile[:, :15, 0] > tile[:, :15, 2]).all()
    assert (tile[:, 15:, 0] < tile[:, 15:, 2]).all()
    np.testing.assert_array_equal(overlay(GREY, np.array([[3.0, -3.0]]), smooth=False), tile)  # scale of its own
    assert np.ptp(overlay(GREY, np.zeros((2, 2))).reshape(-1, 3), axis=0).max() == 0
    without_negatives = overlay(GREY, np.array([[1.0, 0.0]]), smooth=False).astype(int)
    assert without_negatives[0, 29].sum() < without_negatives[0, 0].sum()  # magma: dark is zero


def test_the_opacity_mixes_map_and_photo():
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    values = np.array([[2.0, -1.0, 0.5]])
    np.testing.assert_array_equal(overlay(photo, values, opacity=0), photo)
    opaque = overlay(photo, values, opacity=1).astype(float)
    half = overlay(photo, values, opacity=0.5).astype(float)
    np.testing.assert_allclose(half, (opaque + photo) / 2, atol=1)
