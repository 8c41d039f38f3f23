"""Raw maps of many images in one file, for work outside the dashboard."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
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
from analysis.sweep import array_of, sweep, table_of

_BATCH = 16
_SCORES = ("logits", "targets", "against")  # the columns of a batch that are no maps
_REFUSED = b"refused"  # in the metadata of a batch's table

Pair = tuple[str, str]  # a layer and a method


class ExportError(CamLensError, ValueError):
    """The maps cannot be made; the message says why."""


@dataclass(frozen=True)
class Written:
    """What `write_maps` did: the number of images, and {(layer, method): why there is no map of it}."""

    images: int
    refused: dict[Pair, str]


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
    layers : names; by default the network's last stage, where every method has a map
    images : file names of the run, or paths of other images; by default the mistakes
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
    try:
        chosen = list(layers) if layers else [_last_stage(loaded)]
        probes = probes_of(run)

        def work(batch: Sequence[str]) -> pa.Table:
            return _table(_explain(loaded, probes, batch, chosen, methods, target, precision))

        tables = list(sweep(names, work, batch_size=_BATCH).tables())
    except ExplainError as error:
        raise ExportError(str(error)) from error
    refused = {pair: reason for table in tables for pair, reason in _refused(table).items()}
    kept = [pair for pair in _pairs(tables[0]) if pair not in refused]  # those that every batch has
    if not kept:
        raise ExportError(" ".join(dict.fromkeys(refused.values())))
    scores = [name for name in _SCORES if name in tables[0].column_names]
    whole = pa.concat_tables([table.select([*scores, *map("/".join, kept)]) for table in tables])
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            save_maps(
                file,
                names,
                run.manifest.class_names,
                array_of(whole, "logits"),
                array_of(whole, "targets"),
                {pair: array_of(whole, "/".join(pair)) for pair in kept},
                array_of(whole, "against") if "against" in scores else None,
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
    layers: Sequence[str],
    methods: Sequence[str],
    target: str,
    precision: str,
) -> Explanation:
    known = loaded.run.examples().labels
    labels = [known.get(name, -1) for name in names]
    x = loaded.batch([open_image(loaded.run.image_path(n) if n in known else n) for n in names])
    traced = trace(loaded.model, x, layers, precision, probes)
    return traced.explain(methods, _targets(loaded.run, traced.logits, names, labels, target))


def _table(explanation: Explanation) -> pa.Table:
    """Return one row for each picture, and why maps are missing as the table's metadata."""
    scores = {name: getattr(explanation, name) for name in _SCORES}
    maps = {"/".join(pair): values for pair, values in explanation.maps.items()}
    arrays = {name: tensor.cpu().numpy() for name, tensor in (scores | maps).items() if tensor is not None}
    refused = [(*pair, reason) for pair, reason in explanation.refused.items()]
    return table_of(arrays).replace_schema_metadata({_REFUSED: json.dumps(refused)})


def _refused(table: pa.Table) -> dict[Pair, str]:
    """Return {(layer, method): why there is no map of it} of one batch."""
    return {(layer, method): reason for layer, method, reason in json.loads(table.schema.metadata[_REFUSED])}


def _pairs(table: pa.Table) -> list[Pair]:
    """Return the layer and the method of each map of one batch."""
    pairs = [name.rsplit("/", 1) for name in table.column_names if name not in _SCORES]
    return [(layer, method) for layer, method in pairs]


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
