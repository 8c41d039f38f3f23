"""The demo's experiment: what the shortcut really does to a learner, and whether the maps show it.

Every validation picture that has the shortcut is drawn again without it. The change of the logits is the true
effect of the shortcut; a faithful contrast map must be high there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from PIL import Image

from analysis.data.demo.dataset import is_current, twin
from analysis.data.images import open_image
from analysis.data.labelled import DataError
from analysis.data.source import annotation
from analysis.explain import explain, stage_layers
from analysis.explain.measures.localisation import area_average, energy_inside
from analysis.learner.images.store import ImageLearner
from analysis.progress import Report, silent
from analysis.sweep import sweep

_BATCH = 32


def shortcut_effects(loaded: ImageLearner, report: Report = silent) -> pd.DataFrame:
    """Measure the effect of the shortcut on every validation picture that has it.

    The map is the exact CAM of the last layer for "dog rather than cat": class 0 minus class 1.

    Parameters
    ----------
    loaded : a learner that was fine-tuned on the demo's cats and dogs
    report : receives stage "evaluate"

    Returns
    -------
    One row for each picture, with the columns

    path, label, predicted : file and class names
    logit_change : dog minus cat logit with the shortcut, minus the same without it
    flips : whether the prediction without the shortcut is another class
    z_shortcut, z_animal : mean of the map inside the shortcut and inside the animal, as z-score: in standard
        deviations of the map above its mean
    energy_ratio : share of the map's positive part inside the shortcut, divided by the shortcut's share of the
        picture; 1 is chance

    Raises
    ------
    DataError : the learner is not one of the demo's cats and dogs, or the pictures or masks are gone
    HeadError : the head is not linear, so there is no exact CAM
    """
    run, recipe = loaded.run, loaded.run.manifest.recipe
    if recipe.source != "demo" or recipe.task != "species":
        raise DataError(
            f"{run.name} was not fine-tuned on the demo's cats and dogs. Only these pictures have the shortcut."
        )
    root = Path(run.manifest.data_root)
    if not is_current(root.parent):
        raise DataError(f"The pictures in {root} were drawn by another version of the demo. Fit the demo again.")
    table = run.predictions(["path", "label", "predicted"])
    annotations = {file: annotation(root, file) for file in table["path"]}
    has_masks = [
        annotations[file].shortcut is not None and annotations[file].mask is not None for file in table["path"]
    ]
    rows = table[has_masks].to_dict("records")
    if not rows:
        raise DataError(f"No picture in {root} has a mask of the shortcut. Fit the demo again.")
    blank = loaded.batch([open_image(root / rows[0]["path"])])
    last = stage_layers(loaded.model, blank)[-1].name

    def measure(batch: Sequence[Mapping[str, Any]]) -> pa.Table:
        x = loaded.batch([open_image(root / row["path"]) for row in batch])
        without = loaded.batch([Image.fromarray(twin(Path(row["path"]).stem)) for row in batch])
        explanation = explain(loaded.model, x, layers=[last], methods=["cam"], targets=(0, 1))
        with torch.no_grad():
            logits_without = loaded.model(without).float().cpu().numpy()
        logits, maps = explanation.logits.cpu().numpy(), explanation.maps[last, "cam"].cpu().numpy()
        effects: list[dict[str, object]] = []
        for row, one, other, values in zip(batch, logits, logits_without, maps, strict=True):
            annotated = annotations[row["path"]]
            assert annotated.shortcut is not None
            assert annotated.mask is not None
            shortcut, animal = loaded.mask_view(annotated.shortcut), loaded.mask_view(annotated.mask)
            effects.append(
                {
                    "path": row["path"],
                    "label": row["label"],
                    "predicted": row["predicted"],
                    "logit_change": float((one[0] - one[1]) - (other[0] - other[1])),
                    "flips": bool(one.argmax() != other.argmax()),
                    "z_shortcut": _z_score(values, shortcut),
                    "z_animal": _z_score(values, animal),
                    "energy_ratio": energy_inside(values, shortcut) / float(shortcut.mean()),
                }
            )
        return pa.Table.from_pylist(effects)

    message = "Picture {done} of {total}"
    return sweep(rows, measure, batch_size=_BATCH, report=report, message=message).table().to_pandas()


def shortcut_summary(effects: pd.DataFrame) -> pd.DataFrame:
    """Summarise the effects over two groups: cats that were predicted as dogs, and all pictures.

    Parameters
    ----------
    effects : from `shortcut_effects`

    Returns
    -------
    One row for each group that has pictures: group, pictures (number), flips (share), and the medians of
    logit_change, z_shortcut, z_animal and energy_ratio.
    """
    mistaken = (effects["label"] == "cat") & (effects["predicted"] == "dog")
    groups = {
        "cats with the shortcut, predicted as dogs": effects[mistaken],
        "all pictures with the shortcut": effects,
    }
    return pd.DataFrame(
        [
            {
                "group": name,
                "pictures": len(group),
                "flips": float(group["flips"].mean()),
                **{
                    key: float(group[key].median())
                    for key in ("logit_change", "z_shortcut", "z_animal", "energy_ratio")
                },
            }
            for name, group in groups.items()
            if len(group)
        ]
    )


def _z_score(values: np.ndarray, mask: np.ndarray) -> float:
    """Return how far the map's mean inside the mask is above the map's mean, in its standard deviations."""
    weights = area_average(mask, *values.shape)
    spread = float(values.std())
    if spread == 0 or weights.sum() == 0:
        return float("nan")
    return float(((values * weights).sum() / weights.sum() - values.mean()) / spread)
