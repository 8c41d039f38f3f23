"""Confusion matrix, confused pairs, precision and recall, with numpy and pandas alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return counts (C, C) int64, rows the true classes, columns the predicted ones, from class indices (N,)."""
    cells = labels.astype(np.int64) * classes + predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def most_confused(matrix: np.ndarray, class_names: Sequence[str], least: int = 1) -> pd.DataFrame:
    """Return the pairs of different classes that were confused, most frequent first.

    Columns: label, predicted, count, share (of the label's examples). Pairs with a count below `least` are left
    out. Pairs with equal counts keep the order of the classes.
    """
    rows = [
        (class_names[i], class_names[j], int(matrix[i, j]), float(matrix[i, j] / matrix[i].sum()))
        for i, j in zip(*np.nonzero(matrix), strict=True)
        if i != j and matrix[i, j] >= least
    ]
    table = pd.DataFrame(rows, columns=["label", "predicted", "count", "share"])
    return table.sort_values("count", ascending=False, kind="stable", ignore_index=True)


def per_class(matrix: np.ndarray, class_names: Sequence[str]) -> pd.DataFrame:
    """Return one row for each class: class, precision, recall, support (the number of its examples).

    Precision of a class that was never predicted and recall of one without examples are NaN.
    """
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
