"""A made-up report with everything in it: three kinds of CAM, a layer without one, masks and agreement."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.explain.engine.clock import Cost
from analysis.explain.engine.feature_map import LayerInfo
from analysis.explain.engine.preparation import Setup
from analysis.explain.measures import METRICS
from analysis.explain.report.layers import LayerReport, LayerRow
from analysis.explain.report.picture import MapNumbers, MethodMap

SIZE = 224
SHAPES = ((64, 112), (64, 56), (64, 56), (128, 28), (256, 14), (512, 7))
KINDS = ("none", "probe", "probe", "book", "probe", "exact")
TITLES = {
    "none": "CAM (none here)",
    "probe": "CAM of a linear probe",
    "book": "CAM as in the book",
    "exact": "CAM (exact)",
}
NOTES = ("No probe has been fitted at this layer.", "", "", "The chapter's weights.", "", "")
METHODS = {
    "cam": "CAM",
    "gradcam": "Grad-CAM",
    "layercam": "LayerCAM",
    "scorecam": "Score-CAM",
    "fullgrad": "FullGrad",
}


MEASURED = {"correlation", "rank_correlation", "overlap_top20", "mass"}


@pytest.fixture(autouse=True)
def metrics_of_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave only the metrics that the report holds: one that is registered later changes no test here."""
    for name in METRICS.keys() - MEASURED:
        monkeypatch.delitem(METRICS, name)


def numbers(peak: tuple[int, int], animal: float, shortcut: float) -> MapNumbers:
    return MapNumbers(peak, {}, {"animal": {"mass": animal}, "shortcut": {"mass": shortcut}})


def make_row(index: int, channels: int, side: int, kind: str, note: str, more: int) -> LayerRow:
    generator = np.random.default_rng(index)
    cam, gradcam = generator.normal(size=(2, side, side)).astype(np.float32)
    maps = {
        "cam": MethodMap(
            TITLES[kind],
            None if kind == "none" else cam,
            note,
            kind,
            numbers=None if kind == "none" else numbers((0, index), 0.1 * index, 0.02 * index),
        ),
        "gradcam": MethodMap("Grad-CAM", gradcam / 50, numbers=numbers((index, 0), 0.15 * index, 0.03 * index)),
    }
    for name in list(METHODS)[2 : 2 + more]:
        values = generator.normal(size=(side, side)).astype(np.float32)
        maps[name] = MethodMap(METHODS[name], values, numbers=numbers((0, 0), 0.1, 0.1))
    pair = {"correlation": index / 5 - 0.4, "rank_correlation": index / 5 - 0.5, "overlap_top20": index / 5}
    return LayerRow(
        layer=LayerInfo(f"0.{index}", channels, side, side, SIZE // side),
        label=f"Stage {index} · {channels} × {side} × {side}",
        maps=maps,
        agreement={} if kind == "none" else {name: pair for name in maps if name != "cam"},
        probe_accuracy=0.5 + index / 12 if kind == "probe" else None,
    )


def make_report(more: int = 0) -> LayerReport:
    rows, columns = np.mgrid[:SIZE, :SIZE]
    image = np.stack([rows, columns, (rows + columns) // 2], axis=-1).astype(np.uint8)
    mask = (rows - 112) ** 2 + (columns - 100) ** 2 < 70**2
    shortcut = (rows > 180) & (columns > 180)
    layers = tuple(
        make_row(index, channels, side, kind, note, more)
        for index, ((channels, side), kind, note) in enumerate(zip(SHAPES, KINDS, NOTES, strict=True))
    )
    return LayerReport(
        image=image,
        mask=mask,
        shortcut=shortcut,
        class_names=("dog", "cat"),
        logits=np.array([1.0, -1.0], np.float32),
        probabilities=np.array([0.88, 0.12], np.float32),
        target=0,
        target_label="dog",
        methods=tuple(layers[0].maps),
        rows=layers,
        costs=(Cost("forward", 20.0, 1.0),),
        setup=Setup("fp32", True, 20, True, "cpu", 40.0, 20.0),
    )


@pytest.fixture(scope="session")
def report() -> LayerReport:
    """CAM and Grad-CAM at six layers from 112 x 112 to 7 x 7; the first has no CAM."""
    return make_report()


@pytest.fixture(scope="session")
def five() -> LayerReport:
    """The same with five methods."""
    return make_report(more=3)


@pytest.fixture(scope="session")
def titles() -> dict[str, str]:
    """The methods' names for people."""
    return METHODS
