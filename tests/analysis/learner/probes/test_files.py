"""Files that hold linear probes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from analysis.explain.errors import ExplainError
from analysis.explain.probe import Probe
from analysis.learner.probes.files import load_probes, save_probes
from analysis.runs import PROBES


def test_probes_come_back_as_they_were_saved(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    probes = {
        name: Probe(*(rng.normal(size=shape).astype(np.float32) for shape in ((2, 3), (2,))), accuracy)
        for name, accuracy in (("layer4", 0.25), ("0.model.blocks.1", 1.0))
    }
    assert load_probes(tmp_path) == {}
    assert save_probes(probes, tmp_path) == tmp_path / PROBES
    loaded = load_probes(tmp_path)
    assert list(loaded) == list(probes)
    for name, probe in probes.items():
        np.testing.assert_array_equal(loaded[name].weight, probe.weight)
        np.testing.assert_array_equal(loaded[name].bias, probe.bias)
        assert loaded[name].accuracy == probe.accuracy


def test_files_that_are_no_probes_are_refused(tmp_path: Path) -> None:
    (tmp_path / PROBES).write_bytes(b"no safetensors at all")
    with pytest.raises(ExplainError, match="damaged"):
        load_probes(tmp_path)
    save_file({"x": np.zeros(1)}, tmp_path / PROBES)
    with pytest.raises(ExplainError, match="does not hold linear probes"):
        load_probes(tmp_path)
