"""The CAM of a linear probe, by hand."""

from __future__ import annotations

import numpy as np

from analysis.explain.probe import Probe


def test_the_cam_is_the_weighted_sum_of_the_channels_and_its_mean_plus_bias_the_logit() -> None:
    probe = Probe(np.float32([[1, -2], [0, 3], [5, 5]]), np.float32([0.5, -1, 0]), accuracy=0.9)
    activation = np.float32([[[1, 2], [3, 6]], [[0, 1], [1, 2]]])  # means 3 and 1
    np.testing.assert_array_equal(probe.cam(activation, 0), [[1, 0], [1, 2]])
    np.testing.assert_array_equal(probe.cam(activation, (1, 0)), [[-1, 3], [2, 4]])
    assert probe.cam(activation, 0).dtype == np.float32
    np.testing.assert_array_equal(probe.logits(np.float32([[3, 1]])), [[1.5, 2, 20]])
    assert probe.cam(activation, 0).mean() + probe.score_bias(0) == 1.5
    assert probe.cam(activation, (1, 0)).mean() + probe.score_bias((1, 0)) == 0.5
