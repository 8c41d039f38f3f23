"""Which class is explained, and against which; the files themselves are in test_cli."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from analysis.runs import Run
from analysis.sweeps.maps import ExportError, _targets

LOGITS = torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [0.0, 5.0, 4.0]])
NAMES = ["wrong.png", "right.png", "stranger.png"]
LABELS = [2, 0, -1]


@pytest.fixture
def run(tiny_run: Run) -> Run:
    return Run(tiny_run.path, replace(tiny_run.manifest, class_names=("ant", "bee", "cat")))


def test_a_contrast_is_with_the_true_class_or_else_the_second_best(run: Run):
    predicted, against = _targets(run, LOGITS, NAMES, LABELS, "contrast")
    assert predicted.tolist() == [0, 0, 1]
    # the wrong one against its true class, though another was more probable
    assert against.tolist() == [2, 1, 2]


def test_other_targets(run: Run):
    assert _targets(run, LOGITS, NAMES, LABELS, "predicted").tolist() == [0, 0, 1]
    assert _targets(run, LOGITS[:2], NAMES[:2], LABELS[:2], "true").tolist() == [2, 0]
    assert _targets(run, LOGITS, NAMES, LABELS, "bee").tolist() == [1, 1, 1]
    with pytest.raises(ExportError, match=r"true class of stranger\.png is not known"):
        _targets(run, LOGITS, NAMES, LABELS, "true")
    with pytest.raises(ExportError, match=r"or a class \(ant, bee, cat\)"):
        _targets(run, LOGITS, NAMES, LABELS, "eel")
