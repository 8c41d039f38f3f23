"""What the demo's planted object does to the learner: accuracy with and without it, class by class."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.data.labelled import DataError
from analysis.predictions import Predictions


def shortcut_table(predictions: Predictions, data_root: str | Path) -> pd.DataFrame:
    """Return the accuracy of the validation pictures by true class and presence of the planted object.

    Parameters
    ----------
    predictions : a run's predictions
    data_root : the demo's `images` folder, with `truth.csv` in the `annotations` folder beside it

    Returns
    -------
    One row a (class, object) pair: "class", "object" ("with" or "without"), "pictures", "mistakes" and
    "accuracy" (0..1).

    Raises
    ------
    DataError
        Where `truth.csv` is missing or is not the demo's.
    """
    path = Path(data_root).parent / "annotations" / "truth.csv"
    try:
        truth = pd.read_csv(path, usecols=["file", "shortcut"])
    except (OSError, ValueError) as error:
        raise DataError(f"What was planted can't be told without {path} ({error}).") from error
    joined = predictions.columns("path", "label", "predicted").merge(truth, left_on="path", right_on="file")
    joined["object"] = joined["shortcut"].astype(bool).map({True: "with", False: "without"})
    joined["mistake"] = joined["label"] != joined["predicted"]
    grouped = joined.groupby(["label", "object"])["mistake"].agg(["size", "sum"]).reset_index()
    grouped.columns = pd.Index(["class", "object", "pictures", "mistakes"])
    grouped["accuracy"] = 1 - grouped["mistakes"] / grouped["pictures"]
    return grouped
