"""What a predictions table says in numbers: plain pandas and numpy, no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def accuracy(predictions: pd.DataFrame) -> float:
    """Return the share of right predictions; NaN for an empty table."""
    if predictions.empty:
        return float("nan")
    return float((predictions["label"] == predictions["predicted"]).mean())


def error_rate(predictions: pd.DataFrame) -> float:
    """Return the share of wrong predictions, fastai's `error_rate`."""
    return 1.0 - accuracy(predictions)


def confusion_matrix(predictions: pd.DataFrame, class_names: Sequence[str]) -> np.ndarray:
    """Return counts (C, C) int64: rows are true classes, columns predicted ones, in `class_names` order."""
    codes = {name: index for index, name in enumerate(class_names)}
    matrix = np.zeros((len(codes), len(codes)), dtype=np.int64)
    rows = predictions["label"].map(codes).to_numpy(dtype=np.int64)
    columns = predictions["predicted"].map(codes).to_numpy(dtype=np.int64)
    np.add.at(matrix, (rows, columns), 1)
    return matrix


def most_confused(predictions: pd.DataFrame, class_names: Sequence[str], least: int = 1) -> pd.DataFrame:
    """Return the pairs of different classes that were confused, most frequent first.

    Columns: label, predicted, count, share (of the label's images). Pairs below `least` are left out;
    equal counts stand in the order of the classes.
    """
    matrix = confusion_matrix(predictions, class_names)
    rows = [
        (class_names[i], class_names[j], int(matrix[i, j]), float(matrix[i, j] / matrix[i].sum()))
        for i, j in zip(*np.nonzero(matrix), strict=True)
        if i != j and matrix[i, j] >= least
    ]
    table = pd.DataFrame(rows, columns=["label", "predicted", "count", "share"])
    return table.sort_values("count", ascending=False, kind="stable", ignore_index=True)


def per_class(predictions: pd.DataFrame, class_names: Sequence[str]) -> pd.DataFrame:
    """Return one row a class: class, precision, recall, support (its images).

    Precision of a class that was never predicted and recall of one without images are NaN.
    """
    matrix = confusion_matrix(predictions, class_names)
    right = np.diag(matrix).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = right / matrix.sum(axis=0), right / matrix.sum(axis=1)
    return pd.DataFrame(
        {
            "class": list(class_names),
            "precision": precision,
            "recall": recall,
            "support": matrix.sum(axis=1),
        }
    )
