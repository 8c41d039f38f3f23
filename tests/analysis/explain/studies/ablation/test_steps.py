"""The changes of the steps, and how they are combined."""

from __future__ import annotations

import pytest

from analysis.explain.errors import ExplainError
from analysis.explain.studies.ablation.steps import CHANGES, STANDARD, Choices, change_pairs, combine


def test_combined_changes_and_pairs():
    by_name = {change.name: change for change in CHANGES}
    assert len(by_name) == len(CHANGES)
    assert all(change.choices != STANDARD for change in CHANGES)
    assert combine([]) == STANDARD
    both = combine([by_name["no clone"], by_name["ReLU on the map"]])
    assert both == Choices(storage="detach", relu=True)
    with pytest.raises(ExplainError, match="one way at a time"):
        combine([by_name["bicubic"], by_name["nearest neighbour"]])
    assert len(change_pairs()) == 14 * 13 // 2 - 4  # four steps have two changes each
    assert change_pairs()[3, 4] == both
