"""A made-up report with everything in it: three kinds of CAM, a layer without one, masks and agreement."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.explain.agreement import Agreement
from analysis.explain.layers import LayerInfo
from analysis.explain.report import LayerReport, LayerRow

SIZE = 224
SHAPES = ((64, 112), (64, 56), (64, 56), (128, 28), (256, 14), (512, 7))
KINDS = ("none", "probe", "probe", "book", "probe", "exact")
NOTES = ("No probe has been fitted at this layer.", "", "", "The chapter's weights.", "", "")


def make_row(index: int, channels: int, side: int, kind: str, note: str) -> LayerRow:
    generator = np.random.default_rng(index)
    cam, gradcam = generator.normal(size=(2, side, side)).astype(np.float32)
    return LayerRow(
        layer=LayerInfo(f"0.{index}", channels, side, side, SIZE // side),
        label=f"Stage {index} · {channels} × {side} × {side}",
        cam=None if kind == "none" else cam,
        cam_kind=kind,
        cam_note=note,
        gradcam=gradcam / 50,
        probe_accuracy=0.5 + index / 12 if kind == "probe" else None,
        agreement=None
        if kind == "none"
        else Agreement(
            correlation=index / 5 - 0.4,
            rank_correlation=index / 5 - 0.5,
            overlap_top20=index / 5,
            peak_cam=(0, index),
            peak_gradcam=(index, 0),
            mask_energy_cam=0.1 * index,
            mask_energy_gradcam=0.15 * index,
            mask_share=0.35,
            shortcut_energy_cam=0.02 * index,
            shortcut_energy_gradcam=0.03 * index,
            shortcut_share=0.04,
        ),
    )


@pytest.fixture(scope="session")
def report() -> LayerReport:
    """Six layers from 112 x 112 to 7 x 7; the first has no CAM."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    image = np.stack([rows, columns, (rows + columns) // 2], axis=-1).astype(np.uint8)
    mask = (rows - 112) ** 2 + (columns - 100) ** 2 < 70**2
    shortcut = (rows > 180) & (columns > 180)
    return LayerReport(
        image=image,
        mask=mask,
        shortcut=shortcut,
        class_names=("dog", "cat"),
        logits=np.array([1.0, -1.0], np.float32),
        probabilities=np.array([0.88, 0.12], np.float32),
        target=0,
        target_label="dog",
        rows=tuple(
            make_row(index, channels, side, kind, note)
            for index, ((channels, side), kind, note) in enumerate(zip(SHAPES, KINDS, NOTES, strict=True))
        ),
    )
