"""Texts of all lengths beside each other, as token ids."""

from __future__ import annotations

import numpy as np

IDS = [np.array([2, 3, 4, 5, 6, 3, 9]), np.array([7, 2]), np.array([4]), np.array([], dtype=np.int64)]
