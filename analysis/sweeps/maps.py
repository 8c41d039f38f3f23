"""Raw maps of many images in one file, for work outside the dashboard."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from analysis.data.images import open_image
from analysis.errors import CamLensError
from analysis.explain import ExplainError, stage_layers, trace
from analysis.explain.maps import Explanation
from analysis.explain.probe import Probe
from analysis.explain.report.maps_file import save_maps
from analysis.learner.images.store import ImageLearner, load
from analysis.learner.probes.files import probes_of
from analysis.predictions import Browse, open_predictions
from analysis.runs import Run

_BATCH = 16


class ExportError(CamLensError, ValueError):
    """The maps that were asked for cannot be made; the message says why."""


@dataclass(frozen=True)
class Written:
    """What `write_maps` did: the number of images, and {(layer, method): why there is no map of it}."""

    images: int
    refused: dict[tuple[str, str], str]


def write_maps(
    run: Run,
    out: Path,
    methods: Sequence[str],
    layers: Sequence[str] | None = None,
    images: Sequence[str] | None = None,
    errors: int = 16,
    target: str = "predicted",
    precision: str = "fp32",
) -> Written:
    """Explain images of a run and write their maps to an NPZ file.

    `analysis.explain.report.maps_file.save_maps` says what the file holds.

    Parameters
    ----------
    layers : names; the network's last stage where none are given, which every method has a map for
    images : file names of the run, or paths of other images; the mistakes where none are given
    errors : how many mistakes, those of highest loss
    target : "predicted", "true", "contrast" (predicted rather than true; where the prediction is right or
        the true class is not known, rather than the second most probable) or a class name
    precision : "fp32", or "bf16" where the processor is faster in it

    Returns
    -------
    How many images there are, and the pairs of layer and method that could not be written.

    Raises
    ------
    ExportError : no such image, class, layer or method, or none that is wrong; no map can be made at all;
        `errors` below 1; `out` is a folder
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
    refused = {pair: reason for part in parts for pair, reason in part.refused.items()}
    kept = [pair for pair in parts[0].maps if pair not in refused]  # those that every batch has
    if not kept:
        raise ExportError(" ".join(dict.fromkeys(refused.values())))
    maps = {pair: np.concatenate([_array(part.maps[pair]) for part in parts]) for pair in kept}
    logits = np.concatenate([_array(part.logits) for part in parts])
    targets = np.concatenate([_array(part.targets) for part in parts if part.targets is not None])
    against = [_array(part.against) for part in parts if part.against is not None]
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            save_maps(
                file,
                names,
                run.manifest.class_names,
                logits,
                targets,
                maps,
                np.concatenate(against) if against else None,
            )
        os.replace(temporary, out)
    finally:
        temporary.unlink(missing_ok=True)
    return Written(len(names), refused)


def _worst(run: Run, count: int) -> list[str]:
    worst = open_predictions(run).page(Browse(), 0, count)
    if not worst:
        raise ExportError(f"The run {run.name} has no mistakes to explain; name images with --images.")
    return [row["path"] for row in worst]


def _last_stage(loaded: ImageLearner) -> str:
    blank = torch.zeros(1, 3, loaded.size, loaded.size, device=loaded.device)
    return stage_layers(loaded.model, blank)[-1].name


def _explain(
    loaded: ImageLearner,
    probes: Mapping[str, Probe],
    names: Sequence[str],
    labels: Sequence[int],
    layers: Sequence[str],
    methods: Sequence[str],
    target: str,
    precision: str,
) -> Explanation:
    known = loaded.run.examples().labels
    x = loaded.batch([open_image(loaded.run.image_path(n) if n in known else n) for n in names])
    taken = trace(loaded.model, x, layers, precision, probes)
    return taken.explain(methods, _targets(loaded.run, taken.logits, names, labels, target))


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.cpu().numpy()


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
