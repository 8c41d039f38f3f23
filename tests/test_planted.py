"""How the truth experiment counts: deviations at the object, medians over the fooled and over all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.planted import _standing, planted_summary


def test_standing_is_in_deviations_above_the_mean():
    values = np.zeros((4, 4), dtype=np.float32)
    values[1, 2] = 16.0
    mask = np.zeros((8, 8), dtype=bool)
    mask[2:4, 4:6] = True  # exactly that cell
    # mean 1, variance (15^2 + 15 * 1) / 16 = 15
    assert _standing(values, mask) == pytest.approx(15 / np.sqrt(15))
    mask[2:4, 6:8] = True  # and a cold one beside it
    assert _standing(values, mask) == pytest.approx((8 - 1) / np.sqrt(15))
    assert np.isnan(_standing(np.ones((4, 4)), mask))
    assert np.isnan(_standing(values, np.zeros((8, 8), dtype=bool)))


def test_summary_takes_medians_of_the_fooled_and_of_all():
    effects = pd.DataFrame(
        {
            "label": ["cat", "cat", "cat", "dog"],
            "predicted": ["dog", "dog", "cat", "dog"],
            "logit_change": [4.0, 6.0, 1.0, 2.0],
            "flips": [True, False, False, False],
            "z_object": [2.0, 1.0, 0.0, 0.5],
            "z_animal": [0.0, 0.2, 0.4, 0.6],
            "energy_ratio": [3.0, 5.0, 1.0, 2.0],
        }
    )
    summary = planted_summary(effects)
    fooled, everyone = summary.to_dict("records")
    assert (fooled["pictures"], fooled["logit_change"], fooled["flips"]) == (2, 5.0, 0.5)
    assert (everyone["pictures"], everyone["logit_change"], everyone["flips"]) == (4, 3.0, 0.25)
    assert fooled["energy_ratio"] == 4.0
    assert everyone["z_object"] == 0.75
