"""The effect of the demo's shortcut on a learner: the accuracy of each class with and without it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.data.labelled import DataError
from analysis.predictions import Predictions


def shortcut_table(predictions: Predictions, data_root: str | Path) -> pd.DataFrame:
    """Return the accuracy on the validation pictures by true class and presence of the shortcut.

    Parameters
    ----------
    predictions : a run's predictions
    data_root : the demo's `images` folder, with `truth.csv` in the `annotations` folder beside it

    Returns
    -------
    One row for each class and presence: "class", "shortcut" ("with" or "without"), "pictures", "mistakes" and
    "accuracy" (0..1).

    Raises
    ------
    DataError : `truth.csv` is missing or is not the demo's
    """
    path = Path(data_root).parent / "annotations" / "truth.csv"
    try:
        truth = pd.read_csv(path, usecols=["file", "shortcut"])
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}, the list of the pictures with the shortcut, cannot be read ({error}). Fit the demo again."
        ) from error
    joined = predictions.columns("path", "label", "predicted").merge(truth, left_on="path", right_on="file")
    joined["shortcut"] = joined["shortcut"].astype(bool).map({True: "with", False: "without"})
    joined["mistake"] = joined["label"] != joined["predicted"]
    grouped = joined.groupby(["label", "shortcut"])["mistake"].agg(["size", "sum"]).reset_index()
    grouped.columns = pd.Index(["class", "shortcut", "pictures", "mistakes"])
    grouped["accuracy"] = 1 - grouped["mistakes"] / grouped["pictures"]
    return grouped
