"""Which class is explained, and against which; files of several batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.runs import Run
from analysis.sweeps import maps as maps_module
from analysis.sweeps.maps import ExportError, _targets, write_maps

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


def test_maps_of_several_batches_are_those_of_each_image_alone(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(maps_module, "_BATCH", 2)
    images = ["sea_3.png", "sand_0.png", "sea_1.png", "sea_5.png", "sand_2.png"]
    pairs = [("0.5", "gradcam"), ("0.7", "cam"), ("0.7", "gradcam")]
    options = {"methods": ["cam", "gradcam"], "layers": ["0.5", "0.7"], "target": "contrast"}
    written = write_maps(tiny_run, tmp_path / "all.npz", images=images, **options)
    assert written.images == 5
    assert list(written.refused) == [("0.5", "cam")]
    with np.load(tmp_path / "all.npz") as everything:
        assert everything["images"].tolist() == images
        assert [name for name in everything if "/" in name] == ["/".join(pair) for pair in pairs]
        for place, image in enumerate(images):
            out = tmp_path / f"{place}.npz"
            write_maps(tiny_run, out, images=[image], **options)
            with np.load(out) as alone:
                for name in ("logits", "targets", "against", *map("/".join, pairs)):
                    assert everything[name].dtype == alone[name].dtype
                    rounding = 1e-3 * np.abs(alone[name]).max()
                    np.testing.assert_allclose(everything[name][place], alone[name][0], atol=rounding)


def test_a_map_that_one_batch_refuses_is_left_out_of_all(
    tiny_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    explain, calls = maps_module._explain, []

    def refuse_once(*arguments: object):
        explanation = explain(*arguments)
        calls.append(arguments)
        if len(calls) == 2:
            explanation.refused["0.7", "cam"] = "not this time"
            del explanation.maps["0.7", "cam"]
        return explanation

    monkeypatch.setattr(maps_module, "_BATCH", 1)
    monkeypatch.setattr(maps_module, "_explain", refuse_once)
    out = tmp_path / "maps.npz"
    written = write_maps(tiny_run, out, ["cam", "gradcam"], ["0.7"], ["sea_3.png", "sand_0.png", "sea_1.png"])
    assert written.refused == {("0.7", "cam"): "not this time"}
    with np.load(out) as maps:
        assert [name for name in maps if "/" in name] == ["0.7/gradcam"]
        assert len(maps["0.7/gradcam"]) == 3
