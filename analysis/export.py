"""Raw maps of many images in one file, for work outside the dashboard."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from analysis.data.images import open_image
from analysis.errors import CamLensError
from analysis.explain import ExplainError, explainable_layers, stage_layers, trace
from analysis.explain.probe import Probe, probes_of
from analysis.learner.store import LoadedLearner, load
from analysis.predictions import Browse, open_predictions
from analysis.runs import Run

_BATCH = 16


class ExportError(CamLensError, ValueError):
    """The maps that were asked for cannot be made; the message says why."""


def write_maps(
    run: Run,
    out: Path,
    methods: Sequence[str],
    layers: Sequence[str] | None = None,
    images: Sequence[str] | None = None,
    errors: int = 16,
    target: str = "predicted",
    precision: str = "fp32",
) -> int:
    """Explain images of a run and write their maps to an NPZ file; return how many images.

    The file holds `images` (N,) names, `class_names` (C,), `logits` (N, C) float32, `targets` (N,), for
    contrasts also `against` (N,), and for each layer and method an array "<layer>/<method>" (N, h, w)
    float32: signed, not normalised, at the layer's own resolution.

    Parameters
    ----------
    layers : names; the network's last stage where none are given, which every method has a map for
    images : file names of the run, or paths of other images; the mistakes where none are given
    errors : how many mistakes, those of highest loss
    target : "predicted", "true", "contrast" (predicted rather than true; where the prediction is right or
        the true class is not known, rather than the second most probable) or a class name
    precision : "fp32", or "bf16" where the processor is faster in it

    Raises
    ------
    ExportError : no such image, class, layer or method, or none that is wrong; `errors` below 1; `out` is
        a folder
    ImageError : an image cannot be opened
    """
    if out.is_dir():
        raise ExportError(f"{out} is a folder; name a file to write, for instance {out / 'maps.npz'}.")
    if images is None and errors < 1:
        raise ExportError(f"The number of mistakes to explain is {errors}; give at least 1.")
    names = list(images) if images is not None else _worst(run, errors)
    loaded = load(run)
    labels = [run.examples().labels.get(name, -1) for name in names]
    try:
        chosen = list(layers) if layers else [_last_stage(loaded)]
        probes = probes_of(run)
        parts = [
            _explain(loaded, probes, names[part], labels[part], chosen, methods, target, precision)
            for part in (slice(start, start + _BATCH) for start in range(0, len(names), _BATCH))
        ]
    except ExplainError as error:
        raise ExportError(str(error)) from error
    arrays: dict[str, Any] = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    arrays |= {"images": np.array(names), "class_names": np.array(run.manifest.class_names)}
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(temporary, out)
    finally:
        temporary.unlink(missing_ok=True)
    return len(names)


def _worst(run: Run, count: int) -> list[str]:
    worst = open_predictions(run).page(Browse(), 0, count)
    if not worst:
        raise ExportError(f"The run {run.name} has no mistakes to explain; name images with --images.")
    return [row["path"] for row in worst]


def _last_stage(loaded: LoadedLearner) -> str:
    blank = torch.zeros(1, 3, loaded.size, loaded.size, device=loaded.device)
    return stage_layers(explainable_layers(loaded.model, blank))[-1].name


def _explain(
    loaded: LoadedLearner,
    probes: Mapping[str, Probe],
    names: Sequence[str],
    labels: Sequence[int],
    layers: Sequence[str],
    methods: Sequence[str],
    target: str,
    precision: str,
) -> dict[str, np.ndarray]:
    known = loaded.run.examples().labels
    x = loaded.batch([open_image(loaded.run.image_path(n) if n in known else n) for n in names])
    taken = trace(loaded.model, x, layers, precision, probes)
    result = taken.explain(methods, _targets(loaded.run, taken.logits, names, labels, target))
    arrays = {"logits": result.logits.cpu().numpy(), "targets": result.targets.cpu().numpy()}
    if result.against is not None:
        arrays["against"] = result.against.cpu().numpy()
    return arrays | {f"{layer}/{method}": maps.cpu().numpy() for (layer, method), maps in result.maps.items()}


def _targets(
    run: Run, logits: torch.Tensor, names: Sequence[str], labels: Sequence[int], target: str
) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    best = logits.topk(2, dim=1).indices
    true = torch.tensor(labels, device=logits.device)
    if target == "predicted":
        return best[:, 0]
    if target == "contrast":
        return best[:, 0], torch.where((true >= 0) & (true != best[:, 0]), true, best[:, 1])
    if target == "true":
        unknown = [name for name, label in zip(names, labels, strict=True) if label < 0]
        if unknown:
            raise ExportError(f"The true class of {unknown[0]} is not known: it is no image of {run.name}.")
        return true
    classes = run.manifest.class_names
    if target not in classes:
        raise ExportError(
            f"target is {target!r}; possible: predicted, true, contrast, or a class ({', '.join(classes)})."
        )
    return torch.full((len(names),), classes.index(target), device=logits.device)
