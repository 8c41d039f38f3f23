"""The demo's truth experiment: what the planted object really does, and whether the maps show it.

Every validation picture with the object is drawn again without it. The change of the logits is the object's
true effect; a faithful contrast map has to be hot at the object.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from analysis.data.demo import is_current, twin
from analysis.data.images import open_image
from analysis.data.labelled import DataError
from analysis.data.source import annotation
from analysis.explain import explain, stage_layers
from analysis.explain.measures.localisation import area_average, energy_inside
from analysis.learner.store import LoadedLearner
from analysis.progress import ProgressEvent, Report, silent

_BATCH = 32


def planted_effects(loaded: LoadedLearner, report: Report = silent) -> pd.DataFrame:
    """Measure the planted object's effect on every validation picture of a demo run that has it.

    The map is the exact CAM of the last layer for "dog rather than cat" (class 0 minus class 1).

    Returns
    -------
    One row a picture: path, label, predicted (class names); logit_change, the dog-minus-cat logit with the
    object minus that without; flips, whether the prediction without the object is another one; z_object and
    z_animal, the map's mean inside the object and inside the animal, in standard deviations of the map above
    its mean; energy_ratio, the share of the map's positive part inside the object over the object's share of
    the picture (1 is chance).

    Raises
    ------
    DataError
        When the run is not the demo's cat-or-dog run, or its masks are gone.
    HeadError
        When the head is not linear, so that there is no exact CAM.
    """
    run, recipe = loaded.run, loaded.run.manifest.recipe
    if recipe.source != "demo" or recipe.task != "species":
        raise DataError(
            f"{run.name} was not fine-tuned on the demo's cats and dogs, where alone an object was planted."
        )
    root = Path(run.manifest.data_root)
    if not is_current(root.parent):
        raise DataError(f"The pictures in {root} were drawn by another version of the demo. Fit the demo again.")
    table = run.predictions(["path", "label", "predicted"])
    known = {file: annotation(root, file) for file in table["path"]}
    marked = [known[file].shortcut is not None and known[file].mask is not None for file in table["path"]]
    rows = table[marked].to_dict("records")
    if not rows:
        raise DataError(f"No picture in {root} has the mask of a planted object. Fit the demo again.")
    blank = loaded.batch([open_image(root / rows[0]["path"])])
    last = stage_layers(loaded.model, blank)[-1].name
    found = []
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        report(ProgressEvent("evaluate", f"Picture {start} of {len(rows)}", start / len(rows)))
        x = loaded.batch([open_image(root / row["path"]) for row in part])
        without = loaded.batch([Image.fromarray(twin(Path(row["path"]).stem)) for row in part])
        seen = explain(loaded.model, x, layers=[last], methods=["cam"], targets=(0, 1))
        with torch.no_grad():
            bare = loaded.model(without).float().cpu().numpy()
        logits, maps = seen.logits.cpu().numpy(), seen.maps[last, "cam"].cpu().numpy()
        for row, one, other, values in zip(part, logits, bare, maps, strict=True):
            marks = known[row["path"]]
            assert marks.shortcut is not None
            assert marks.mask is not None
            shortcut, animal = loaded.view(marks.shortcut), loaded.view(marks.mask)
            found.append(
                {
                    "path": row["path"],
                    "label": row["label"],
                    "predicted": row["predicted"],
                    "logit_change": float((one[0] - one[1]) - (other[0] - other[1])),
                    "flips": bool(one.argmax() != other.argmax()),
                    "z_object": _standing(values, shortcut),
                    "z_animal": _standing(values, animal),
                    "energy_ratio": energy_inside(values, shortcut) / float(shortcut.mean()),
                }
            )
    return pd.DataFrame(found)


def planted_summary(effects: pd.DataFrame) -> pd.DataFrame:
    """Medians over groups of pictures: the cats that the object turned into dogs, and all with the object.

    Columns: group, pictures, logit_change, flips (share), z_object, z_animal, energy_ratio.
    """
    fooled = (effects["label"] == "cat") & (effects["predicted"] == "dog")
    groups = {"cats with the object, taken for dogs": effects[fooled], "all pictures with the object": effects}
    return pd.DataFrame(
        [
            {
                "group": name,
                "pictures": len(part),
                "flips": float(part["flips"].mean()),
                **{
                    key: float(part[key].median())
                    for key in ("logit_change", "z_object", "z_animal", "energy_ratio")
                },
            }
            for name, part in groups.items()
            if len(part)
        ]
    )


def _standing(values: np.ndarray, mask: np.ndarray) -> float:
    weights = area_average(mask, *values.shape)
    spread = float(values.std())
    if spread == 0 or weights.sum() == 0:
        return float("nan")
    return float(((values * weights).sum() / weights.sum() - values.mean()) / spread)
