"""The NPZ file format for raw maps, written by the command line and by the download button of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np

from analysis.explain.report.layers import FUSED, LayerReport, MethodMap


def save_maps(
    file: IO[bytes],
    images: Sequence[str],
    class_names: Sequence[str],
    logits: np.ndarray,
    targets: np.ndarray,
    maps: Mapping[tuple[str, str], np.ndarray],
    against: np.ndarray | None = None,
) -> None:
    """Write the maps of N images as a compressed NPZ file, for `numpy.load`.

    The file has the arrays `images` (N,) str, `class_names` (C,) str, `logits` (N, C) float32, `targets`
    (N,) int64, for contrasts `against` (N,) int64, and for each map "<layer>/<method>" (N, h, w) float32:
    signed, not normalised, at the layer's own resolution.

    Parameters
    ----------
    file : a binary file that is open for writing.
    images : names, in the order of the first axis of all other arrays.
    targets, against : class numbers; the score is that of `targets`, minus that of `against` where given.
    maps : (layer, method) -> (N, h, w).
    """
    arrays: dict[str, Any] = {
        "images": np.array(images),
        "class_names": np.array(class_names),
        "logits": logits,
        "targets": targets,
    }
    if against is not None:
        arrays["against"] = against
    arrays |= {f"{layer}/{method}": values for (layer, method), values in maps.items()}
    np.savez_compressed(file, **arrays)


def save_report(
    file: IO[bytes], report: LayerReport, image: str, method: str = "", fused: Sequence[MethodMap] = ()
) -> None:
    """Write all maps of a report with `save_maps`, as those of one image (N = 1).

    Where a method has no map at a layer, that map is left out. `fused` are the maps that `fused_maps` returned for
    `method`; their keys are "fused-mean/<method>", "fused-max/<method>" and "fused-tanh/<method>".
    """
    maps = {
        (row.layer.name, name): method_map.values[None]
        for row in report.rows
        for name, method_map in row.maps.items()
        if method_map.values is not None
    }
    for how, one in zip(FUSED, fused, strict=False):  # no fused maps where fewer than two layers have one
        if one.values is not None:
            maps[f"fused-{how}", method] = one.values[None]
    target, against = report.target if isinstance(report.target, tuple) else (report.target, None)
    save_maps(
        file,
        [image],
        report.class_names,
        report.logits[None],
        np.array([target]),
        maps,
        None if against is None else np.array([against]),
    )
